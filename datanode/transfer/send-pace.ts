import type { Clock } from '../../common/seams/clock.ts';

/** A bound on what several copies send together. Each waits its turn byte by byte, so that one that is alone has all of it. */
export class SendPace {
  readonly #clock: Clock;
  readonly #bytesPerSecond: number;
  /** When what was sent so far has used up its time. */
  #paidUntilMs = 0;

  /** `bytesPerSecond`: 0 for no bound. */
  constructor(clock: Clock, bytesPerSecond: number) {
    this.#clock = clock;
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** Resolves when these bytes, which have been sent, are paid for. */
  async sent(bytes: number, signal?: AbortSignal): Promise<void> {
    if (this.#bytesPerSecond === 0) return;
    const nowMs = this.#clock.monoMs();
    this.#paidUntilMs = Math.max(this.#paidUntilMs, nowMs) + (bytes / this.#bytesPerSecond) * 1000;
    const aheadMs = this.#paidUntilMs - nowMs;
    if (aheadMs > 1) await this.#clock.sleep(aheadMs, signal);
  }
}
