export interface Timer {
  cancel(): void;
}

/** Time. Deadlines and leases use `monoMs`; `nowMs` is for times that people read. */
export interface Clock {
  /** Milliseconds since 1970, UTC. May jump. */
  nowMs(): number;
  /** Milliseconds from an arbitrary start. Never goes back. */
  monoMs(): number;
  setTimer(delayMs: number, run: () => void): Timer;
  /** Resolves after `delayMs`, or at once when `signal` aborts. Never rejects. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

export class SystemClock implements Clock {
  nowMs(): number {
    return Date.now();
  }

  monoMs(): number {
    return performance.now();
  }

  setTimer(delayMs: number, run: () => void): Timer {
    const handle = setTimeout(run, delayMs);
    return { cancel: () => clearTimeout(handle) };
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return sleepOn(this, delayMs, signal);
  }
}

/** `sleep` in terms of `setTimer`, shared by every clock. */
export function sleepOn(
  clock: Pick<Clock, 'setTimer'>,
  delayMs: number,
  signal?: AbortSignal,
): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      timer.cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = clock.setTimer(delayMs, done);
    signal?.addEventListener('abort', done, { once: true });
  });
}
