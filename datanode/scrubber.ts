import type { Config } from '../common/config.ts';
import { QuarryError } from '../common/quarry-error.ts';
import type { Seams } from '../common/seams/seams.ts';
import type { OnReplica } from './report/replica-info.ts';
import type { BlockStore } from './store/block-store.ts';

/** Shares of the interval in which each pass begins: nodes that started together do not all scrub together. */
const START_SPREAD = 0.05;

/** Re-reads every finalized replica once in an interval, slowly, and reports those that do not verify. */
export class Scrubber {
  readonly #seams: Pick<Seams, 'clock' | 'random' | 'log'>;
  readonly #config: Config;
  readonly #store: BlockStore;
  readonly #onReplica: OnReplica;

  constructor(
    seams: Pick<Seams, 'clock' | 'random' | 'log'>,
    config: Config,
    store: BlockStore,
    onReplica: OnReplica,
  ) {
    this.#seams = seams;
    this.#config = config;
    this.#store = store;
    this.#onReplica = onReplica;
  }

  /** Resolves when `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const intervalMs = Math.max(1, this.#config['datanode.scrubIntervalMs']);
    await this.#seams.clock.sleep(this.#seams.random.int(Math.ceil(intervalMs * START_SPREAD) + 1), signal);
    while (!signal.aborted) {
      const startMs = this.#seams.clock.monoMs();
      await this.pass(signal);
      const restMs = intervalMs - (this.#seams.clock.monoMs() - startMs);
      await this.#seams.clock.sleep(Math.max(1, restMs), signal);
    }
  }

  /** Once through all replicas that are there now. Answers how many were corrupt. */
  async pass(signal: AbortSignal): Promise<number> {
    const blockIds = [...this.#store.replicas()]
      .filter(({ state }) => state === 'FINALIZED')
      .map(({ blockId }) => blockId);
    let corrupt = 0;
    for (const blockId of blockIds) {
      if (signal.aborted) return corrupt;
      if (await this.#scrub(blockId, signal)) corrupt++;
    }
    return corrupt;
  }

  async #scrub(blockId: number, signal: AbortSignal): Promise<boolean> {
    const rate = this.#config['datanode.scrubBytesPerSecond'];
    try {
      const before = this.#store.replica(blockId);
      const outcome = await this.#store.verify(blockId, rate, signal);
      const replica = this.#store.replica(blockId);
      // A replica that was deleted, reopened or replaced meanwhile is another one: the next pass reads it.
      const isSame = replica !== undefined && replica.generationStamp === before?.generationStamp;
      if (outcome !== 'corrupt' || !isSame) return false;
      this.#seams.log.error({ blockId }, 'scrubber.corrupt');
      this.#onReplica({ kind: 'CORRUPT', replica });
      return true;
    } catch (thrown) {
      const { code, message } = QuarryError.from(thrown);
      this.#seams.log.error({ blockId, code, reason: message }, 'scrubber.failed');
      return false;
    }
  }
}
