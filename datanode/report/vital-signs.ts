import type { Clock } from '../../common/seams/clock.ts';

const PROBE_EVERY_MS = 5_000;

/** How well this process lives: what makes a hung disk or a blocked event loop visible in heartbeats. */
export class VitalSigns {
  readonly #clock: Clock;
  readonly #probe: () => Promise<void>;
  #lagMs = 0;
  #probeMs = 0;
  #probeSinceMs: number | undefined;
  #nextProbeMs = 0;

  /** `probe`: a small durable write. */
  constructor(clock: Clock, probe: () => Promise<void>) {
    this.#clock = clock;
    this.#probe = probe;
  }

  /** By how much the last sleep of the heartbeat loop was too long. */
  get eventLoopLagMs(): number {
    return this.#lagMs;
  }

  /** Of the last probe, or of the one under way when it already takes longer. */
  get diskProbeMs(): number {
    if (this.#probeSinceMs === undefined) return this.#probeMs;
    return Math.max(this.#probeMs, Math.round(this.#clock.monoMs() - this.#probeSinceMs));
  }

  /** Sleeps for `delayMs` and notes how much longer it took. */
  async sleep(delayMs: number, signal: AbortSignal): Promise<void> {
    const dueMs = this.#clock.monoMs() + delayMs;
    await this.#clock.sleep(delayMs, signal);
    this.#lagMs = Math.max(0, Math.round(this.#clock.monoMs() - dueMs));
  }

  /** Starts a probe when one is due; does not wait for it. */
  probeDisk(): void {
    const nowMs = this.#clock.monoMs();
    if (this.#probeSinceMs !== undefined || nowMs < this.#nextProbeMs) return;
    this.#probeSinceMs = nowMs;
    this.#nextProbeMs = nowMs + PROBE_EVERY_MS;
    void this.#timeProbe(nowMs);
  }

  async #timeProbe(startMs: number): Promise<void> {
    // A failed probe has made the store read-only and is logged there; heartbeats then offer no space.
    await Promise.allSettled([this.#probe()]);
    this.#probeMs = Math.round(this.#clock.monoMs() - startMs);
    this.#probeSinceMs = undefined;
  }
}
