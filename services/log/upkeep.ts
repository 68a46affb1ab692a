import type { Config } from '../../common/config.ts';
import { hasCode } from '../../common/quarry-error.ts';
import type { Seams } from '../../common/seams/seams.ts';
import { compact } from './compaction.ts';
import { namedKey } from './keys.ts';
import type { LogService } from './log-service.ts';
import type { Partition } from './log-state.ts';
import { applyRetention } from './retention.ts';
import type { Place } from './stored-log.ts';

/** A producer that has sent nothing for that long sends nothing again: no client retries that long. */
const PRODUCER_IDLE_MS = 86_400_000;
/** A compacted partition is looked at again when so many offsets are new to compaction. */
const DIRTY_MIN = 1_000;

/** Retention, compaction and the forgetting of idle producers, one round after the other. */
export class Upkeep {
  readonly #service: LogService;
  readonly #config: Config;
  readonly #seams: Pick<Seams, 'clock' | 'log'>;
  readonly #stop = new AbortController();
  readonly #compactedUntil = new Map<Partition, number>();
  #running: Promise<void> = Promise.resolve();

  constructor(service: LogService, config: Config, seams: Pick<Seams, 'clock' | 'log'>) {
    this.#service = service;
    this.#config = config;
    this.#seams = seams;
  }

  start(): void {
    this.#running = this.#loop();
  }

  /** Resolves when no round is under way. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** One round. Errors: METADATA_DAMAGED. */
  async round(): Promise<void> {
    const nowMs = this.#seams.clock.nowMs();
    for (const topic of this.#service.state.topics.values()) {
      for (const [number, partition] of topic.partitions.entries()) {
        if (this.#stop.signal.aborted) return;
        const place = { topic, number, partition };
        if (topic.spec.compacted === true) await this.#compact(place, nowMs);
        else await applyRetention(this.#service, place, nowMs);
      }
    }
    await this.#forgetProducers(nowMs);
  }

  async #loop(): Promise<void> {
    const { clock, log } = this.#seams;
    while (!this.#stop.signal.aborted) {
      await clock.sleep(this.#config['log.retentionIntervalMs'], this.#stop.signal);
      if (this.#stop.signal.aborted) return;
      try {
        await this.round();
      } catch (thrown) {
        // The batch stays as it is: who reads it is told.
        if (!hasCode(thrown, 'METADATA_DAMAGED')) throw thrown;
        log.error({ err: thrown }, 'batch.damaged');
      }
    }
  }

  async #compact(place: Place, nowMs: number): Promise<void> {
    const { partition } = place;
    const fresh = partition.readable - (this.#compactedUntil.get(partition) ?? partition.start);
    if (fresh < DIRTY_MIN) return;
    const tombstoneRetentionMs = this.#config['log.tombstoneRetentionMs'];
    const { until } = await compact(this.#service, place, { nowMs, tombstoneRetentionMs });
    this.#compactedUntil.set(partition, until);
  }

  async #forgetProducers(nowMs: number): Promise<void> {
    const { producers } = this.#service.state;
    const idle = [...producers].filter(([, { atMs }]) => nowMs - atMs > PRODUCER_IDLE_MS).map(([id]) => id);
    for (const id of idle) producers.delete(id);
    if (idle.length > 0) {
      await this.#service.durable(idle.map((id) => ({ key: namedKey('P', id), value: undefined })));
    }
  }
}
