import type { Clock } from '../../common/seams/clock.ts';
import type { StreamSource } from './sources/stream-source.ts';

/** Which partitions have had nothing new for the configured time; with 0 none ever is idle, so that no row on time is lost. */
export class IdlePartitions {
  readonly #sources: readonly StreamSource[];
  readonly #clock: Clock;
  readonly #afterMs: number;
  readonly #freshMs = new Map<string, number>();

  constructor(sources: readonly StreamSource[], clock: Clock, afterMs: number) {
    this.#sources = sources;
    this.#clock = clock;
    this.#afterMs = afterMs;
  }

  /** Looks at what is unread between where the query is and what there is. */
  note(positions: readonly unknown[], latest: readonly unknown[]): void {
    const nowMs = this.#clock.monoMs();
    for (const [id, source] of this.#sources.entries()) {
      for (const { key, hasUnread } of source.partitions(positions[id], latest[id])) {
        const name = `${id}/${key}`;
        if (hasUnread || !this.#freshMs.has(name)) this.#freshMs.set(name, nowMs);
      }
    }
  }

  isIdle(sourceId: number, partition: string): boolean {
    if (this.#afterMs <= 0) return false;
    const sinceMs = this.#freshMs.get(`${sourceId}/${partition}`);
    return sinceMs !== undefined && this.#clock.monoMs() - sinceMs >= this.#afterMs;
  }
}
