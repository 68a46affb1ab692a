import { hasCode, QuarryError } from '../common/quarry-error.ts';
import type { Clock } from '../common/seams/clock.ts';

const PAUSE_FIRST_MS = 5;
const PAUSE_MAX_MS = 1_000;

/** Pauses between attempts that double from 5 ms to 1 s. */
export class Pauses {
  #nextMs = PAUSE_FIRST_MS;

  next(): number {
    const pauseMs = this.#nextMs;
    this.#nextMs = Math.min(PAUSE_MAX_MS, pauseMs * 2);
    return pauseMs;
  }

  reset(): void {
    this.#nextMs = PAUSE_FIRST_MS;
  }
}

export function interrupted(): QuarryError {
  return new QuarryError('INTERRUPTED', 'the read of the log was stopped by its caller');
}

export interface Retries {
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** For the message: `kafka://127.0.0.1:9092`. */
  readonly url: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs `attempt` until it answers. A log that cannot be reached, or says that another attempt may succeed (LOG_UNAVAILABLE,
 * PEER_UNREACHABLE, DEADLINE), is tried again for `timeoutMs`. Errors: LOG_UNAVAILABLE, INTERRUPTED, what `attempt` throws else.
 */
export async function withRetries<T>(retries: Retries, attempt: () => Promise<T>): Promise<T> {
  const { clock, signal } = retries;
  const until = clock.monoMs() + retries.timeoutMs;
  const pauses = new Pauses();
  for (;;) {
    if (signal?.aborted) throw interrupted();
    try {
      return await attempt();
    } catch (thrown) {
      if (signal?.aborted) throw interrupted();
      if (!isTransient(thrown)) throw thrown;
      const pauseMs = pauses.next();
      if (clock.monoMs() + pauseMs >= until) throw unavailable(retries, thrown);
      await clock.sleep(pauseMs, signal);
    }
  }
}

export function isTransient(thrown: unknown): thrown is QuarryError {
  return (
    hasCode(thrown, 'LOG_UNAVAILABLE', 'PEER_UNREACHABLE', 'DEADLINE') && thrown.details['final'] !== true
  );
}

export function unavailable(retries: Pick<Retries, 'url' | 'timeoutMs'>, cause: unknown): QuarryError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new QuarryError(
    'LOG_UNAVAILABLE',
    `the log ${retries.url} did not answer for ${retries.timeoutMs} ms: check that it runs (${reason})`,
    { cause },
  );
}
