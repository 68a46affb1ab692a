import type { Logger } from '../../common/log.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { Clock } from '../../common/seams/clock.ts';
import { isRetryable } from './retryable.ts';
import { retryDelayMs } from './trigger-schedule.ts';

export interface RetryOptions {
  readonly query: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Before it waits. */
  readonly onFailure: (what: string, error: QuarryError) => void;
}

/** Goes on trying while what failed may come back: a store or a log that restarts, executors that are being replaced. */
export async function retrying<T>(what: string, work: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { clock, log, query, signal, onFailure } = options;
  for (let attempt = 0; ; attempt++) {
    try {
      return await work();
    } catch (thrown) {
      if (signal.aborted || !isRetryable(thrown)) throw thrown;
      const error = QuarryError.from(thrown);
      log.info({ query, what, attempt, code: error.code, message: error.message }, 'stream.retry');
      onFailure(what, error);
      await clock.sleep(retryDelayMs(attempt), signal);
      if (wasAborted(signal)) throw thrown;
    }
  }
}

/** Read anew after a wait. */
function wasAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
