import type { Clock } from '../../common/seams/clock.ts';

/** Lets one loop sleep until something happens, without losing what happens while it is awake. */
export class WakeUp {
  readonly #clock: Clock;
  #isSet = false;
  #resume: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  wake(): void {
    this.#isSet = true;
    this.#resume?.();
  }

  /** Resolves at the next `wake` (at once when there was one since the last wait), after `timeoutMs`, or when `signal` aborts. */
  async wait(timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (!this.#isSet) {
      const waiting = new AbortController();
      this.#resume = () => waiting.abort();
      const stop = () => waiting.abort();
      signal.addEventListener('abort', stop, { once: true });
      if (signal.aborted) waiting.abort();
      await this.#clock.sleep(timeoutMs, waiting.signal);
      signal.removeEventListener('abort', stop);
      this.#resume = undefined;
    }
    this.#isSet = false;
  }
}
