/** Tells when listeners hear that a query has nothing to do: after so long without a batch, and again after as long. */
export class IdleEvents {
  readonly #everyMs: number;
  #quietSinceMs = Number.NEGATIVE_INFINITY;

  constructor(everyMs: number) {
    this.#everyMs = everyMs;
  }

  batchDone(nowMs: number): void {
    this.#quietSinceMs = nowMs;
  }

  /** A trigger found nothing: true where that is to be told. */
  isDue(nowMs: number): boolean {
    if (nowMs - this.#quietSinceMs < this.#everyMs) return false;
    this.#quietSinceMs = nowMs;
    return true;
  }
}
