import { crc32c } from '../../common/checksum.ts';
import type { TaskModel } from './dag-model.ts';
import { type TaskRecord, taskKey } from './records.ts';

/** 2^30 delays are past any cap; the bound keeps the product a whole number of milliseconds. */
const DOUBLINGS_MAX = 30;
const HASHES = 2 ** 32;

/**
 * Milliseconds before the retry that follows the `failures`-th failure (from 1): the delay, doubled each time when asked, with its
 * jitter, capped. The jitter follows from the try's name: a step stays a function of what it is given.
 */
export function retryDelayMs(
  model: Pick<TaskModel, 'retryDelayMs' | 'exponentialBackoff' | 'maxRetryDelayMs' | 'retryJitter'>,
  failures: number,
  task: Pick<TaskRecord, 'dagId' | 'runId' | 'taskId' | 'tryNumber'>,
): number {
  const doublings = model.exponentialBackoff ? Math.min(failures - 1, DOUBLINGS_MAX) : 0;
  const plainMs = model.retryDelayMs * 2 ** doublings;
  const name = `${taskKey(task.dagId, task.runId, task.taskId)} ${task.tryNumber}`;
  const share = (crc32c(Buffer.from(name)) >>> 0) / HASHES;
  const delayMs = Math.round(plainMs * (1 + model.retryJitter * share));
  return model.exponentialBackoff || model.retryJitter > 0
    ? Math.min(delayMs, model.maxRetryDelayMs)
    : delayMs;
}
