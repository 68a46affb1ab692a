import type { Seams } from '../../common/seams/seams.ts';
import type { Timer } from '../../common/seams/clock.ts';

const QUIET_MS = 5_000;

/** Frees the memory of written bytes that LevelDB still holds once no writes come for a while. */
export class QuietFlush {
  readonly #seams: Pick<Seams, 'clock' | 'log'>;
  readonly #flush: () => Promise<void>;
  #timer: Timer | undefined;
  #lastMs = 0;

  constructor(seams: Pick<Seams, 'clock' | 'log'>, flush: () => Promise<void>) {
    this.#seams = seams;
    this.#flush = flush;
  }

  /** Something is being written. Answers when, monotonic. */
  touch(): number {
    this.#lastMs = this.#seams.clock.monoMs();
    if (this.#timer === undefined) this.#arm(QUIET_MS);
    return this.#lastMs;
  }

  close(): void {
    this.#timer?.cancel();
  }

  #arm(delayMs: number): void {
    this.#timer = this.#seams.clock.setTimer(delayMs, () => {
      const restMs = this.#lastMs + QUIET_MS - this.#seams.clock.monoMs();
      if (restMs > 0) return this.#arm(restMs);
      this.#timer = undefined;
      this.#flush().catch((thrown: unknown) => this.#seams.log.warn({ err: thrown }, 'store.flush-failed'));
    });
  }
}
