import type { Clock } from '../../common/seams/clock.ts';

/** The namenode takes a silent node for stale after 3 s; until then, and a little longer, this client's own experience counts. */
const SUSPECT_MS = 6_000;

/** Datanodes that failed this client a moment ago. All its readers and writers share one, so a dead node costs one wait, not one each. */
export class SuspectNodes {
  readonly #untilMs = new Map<string, number>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  suspect(nodeId: string): void {
    this.#untilMs.set(nodeId, this.#clock.monoMs() + SUSPECT_MS);
  }

  trust(nodeId: string): void {
    this.#untilMs.delete(nodeId);
  }

  isSuspect(nodeId: string): boolean {
    const untilMs = this.#untilMs.get(nodeId);
    if (untilMs === undefined) return false;
    if (untilMs > this.#clock.monoMs()) return true;
    this.#untilMs.delete(nodeId);
    return false;
  }

  /** The same nodes, the suspect ones last. */
  order<T extends { readonly id: string }>(nodes: readonly T[]): T[] {
    return [...nodes.filter((n) => !this.isSuspect(n.id)), ...nodes.filter((n) => this.isSuspect(n.id))];
  }
}
