import type { TriggerRule } from './dag-model.ts';
import { isTerminal, type TaskState } from './records.ts';

export type Readiness = 'wait' | 'start' | 'skip' | 'upstream-failed';

/** What becomes of a task whose direct upstream tasks are in these states. Decided as early as it is certain. */
export function readiness(rule: TriggerRule, upstream: readonly TaskState[]): Readiness {
  if (upstream.length === 0) return 'start';
  const count = (...states: TaskState[]) => upstream.filter((state) => states.includes(state)).length;
  const total = upstream.length;
  const isDone = upstream.every(isTerminal);
  const success = count('success');
  const skipped = count('skipped');
  const failed = count('failed', 'upstream_failed');
  switch (rule) {
    case 'all_success':
      if (failed > 0) return 'upstream-failed';
      if (skipped > 0) return 'skip';
      return success === total ? 'start' : 'wait';
    case 'all_done':
      return isDone ? 'start' : 'wait';
    case 'all_done_min_one_success':
      if (skipped > 0) return 'skip';
      if (!isDone) return 'wait';
      return success > 0 ? 'start' : 'upstream-failed';
    case 'all_failed':
      if (success + skipped > 0) return 'skip';
      return failed === total ? 'start' : 'wait';
    case 'all_skipped':
      if (success + failed > 0) return 'skip';
      return skipped === total ? 'start' : 'wait';
    case 'one_done':
      if (success + count('failed') > 0) return 'start';
      return isDone ? 'skip' : 'wait';
    case 'none_skipped':
      if (skipped > 0) return 'skip';
      return isDone ? 'start' : 'wait';
    case 'always':
      return 'start';
    case 'one_failed':
      if (failed > 0) return 'start';
      return isDone ? 'skip' : 'wait';
    case 'one_success':
      if (success > 0) return 'start';
      if (!isDone) return 'wait';
      return failed > 0 ? 'upstream-failed' : 'skip';
    case 'none_failed':
      if (failed > 0) return 'upstream-failed';
      return isDone ? 'start' : 'wait';
    case 'none_failed_min_one_success':
      if (failed > 0) return 'upstream-failed';
      if (!isDone) return 'wait';
      return success > 0 ? 'start' : 'skip';
  }
}
