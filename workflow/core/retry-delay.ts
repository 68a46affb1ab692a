import type { TaskModel } from './dag-model.ts';

/** Milliseconds before the retry that follows the `failures`-th failure (from 1): the delay, doubled each time when asked, capped. */
export function retryDelayMs(
  task: Pick<TaskModel, 'retryDelayMs' | 'exponentialBackoff' | 'maxRetryDelayMs'>,
  failures: number,
): number {
  if (!task.exponentialBackoff) return task.retryDelayMs;
  // 2^30 delays are past any cap; the bound keeps the product a whole number of milliseconds.
  const delayMs = task.retryDelayMs * 2 ** Math.min(failures - 1, 30);
  return Math.min(delayMs, task.maxRetryDelayMs);
}
