import type { Logger } from '../../common/log.ts';
import { hasCode } from '../../common/quarry-error.ts';
import type { Seams } from '../../common/seams/seams.ts';
import type { BlockLocks } from './block-locks.ts';
import { decodeChunkValue } from './chunk-codec.ts';
import type { Extent, Extents } from './extent.ts';
import { addLive, type ReplicaEntry } from './replica-entry.ts';
import type { ReplicaIndex } from './replica-index.ts';
import type { Segment } from './segment.ts';
import type { Segments } from './segments.ts';

/** Deletes come in crowds: one pass for all that come within this time. */
const DELAY_MS = 1_000;

export interface ReclaimOptions {
  readonly segmentLiveShareMin: number;
  readonly reclaimBytesPerSecond: number;
}

/** The parts of the store that reclaiming works on. */
export interface ReclaimStore {
  readonly segments: Segments;
  readonly index: ReplicaIndex;
  readonly entries: ReadonlyMap<number, ReplicaEntry>;
  readonly locks: BlockLocks;
  extentsOf(entry: ReplicaEntry): Extents;
  forget(blockId: number): void;
}

/**
 * Gives space back. A deleted block frees nothing in LevelDB, so a segment goes as a whole: at once when nothing in
 * it is live, after its live chunks were copied to the open segment when they are few.
 */
export class Reclaimer {
  readonly #seams: Pick<Seams, 'clock' | 'log'>;
  readonly #log: Logger;
  readonly #options: ReclaimOptions;
  readonly #store: ReclaimStore;
  readonly #stop = new AbortController();
  #pass: Promise<void> | undefined;
  #again = false;

  constructor(seams: Pick<Seams, 'clock' | 'log'>, options: ReclaimOptions, store: ReclaimStore) {
    this.#seams = seams;
    this.#log = seams.log;
    this.#options = options;
    this.#store = store;
  }

  /** Something was deleted, or may have been before a restart. */
  wake(): void {
    this.#again = true;
    this.#pass ??= this.#run();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#pass;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (this.#again) {
      await this.#seams.clock.sleep(DELAY_MS, signal);
      this.#again = false;
      if (signal.aborted) return;
      try {
        await this.#reclaim();
      } catch (thrown) {
        // Nothing is lost: the segments stay, and the next delete tries again.
        this.#log.error({ err: thrown }, 'reclaim.failed');
      }
    }
    this.#pass = undefined;
  }

  async #reclaim(): Promise<void> {
    const { segments } = this.#store;
    for (const segment of segments.all.filter((candidate) => candidate !== segments.current)) {
      if (this.#stop.signal.aborted) return;
      const share = segment.liveBytes / Math.max(1, segment.writtenBytes);
      if (segment.liveBytes > 0 && share < this.#options.segmentLiveShareMin)
        await this.#copyForward(segment);
      if (segment.liveBytes > 0) continue;
      if (segment.isIdle) await this.#remove(segment);
      // Its last table is being written, or someone reads it.
      else this.#again = true;
    }
  }

  async #remove(segment: Segment): Promise<void> {
    // A record that came back after a power cut would name a segment that is no more.
    await this.#store.index.sync();
    if (segment.liveBytes > 0 || !segment.isIdle) return;
    await this.#store.segments.remove(segment);
    this.#log.info({ segment: segment.name, writtenBytes: segment.writtenBytes }, 'segment.removed');
  }

  async #copyForward(segment: Segment): Promise<void> {
    for (const entry of this.#store.entries.values()) {
      if (this.#stop.signal.aborted) return;
      if (entry.usage.has(segment.firstSeq)) await this.#moveBlock(entry, segment);
    }
  }

  /**
   * Copies, syncs, and only then points the index to the copies, in one synced batch: at any moment before, the old
   * chunks count. Replicas that are being written stay where they are until they are finalized.
   */
  async #moveBlock(entry: ReplicaEntry, segment: Segment): Promise<void> {
    const { segments, index, locks, entries } = this.#store;
    let movedBytes = 0;
    await locks.exclusively(entry.blockId, async () => {
      if (entries.get(entry.blockId) !== entry) return;
      if (entry.state !== 'FINALIZED' || entry.underRecovery) {
        this.#again = true;
        return;
      }
      try {
        const extents: Extent[] = [];
        for (const extent of this.#store.extentsOf(entry)) {
          const moves = segments.find(extent.seq) === segment;
          extents.push(moves ? await this.#move(extent) : extent);
          if (moves) movedBytes += extent.lengthBytes;
        }
        await segments.sync(extents.map(({ seq }) => seq));
        const before = entry.usage;
        entry.account(segments, extents);
        try {
          await index.write({ record: entry.record, extents: { blockId: entry.blockId, extents } }, true);
        } catch (thrown) {
          addLive(segments, entry.usage, -1);
          addLive(segments, before, 1);
          entry.usage = before;
          throw thrown;
        }
        this.#store.forget(entry.blockId);
      } catch (thrown) {
        if (!hasCode(thrown, 'BLOCK_CORRUPT')) throw thrown;
        // Left for the scrubber to report; once healed elsewhere, the replica is deleted and the segment goes.
        this.#log.error({ err: thrown, blockId: entry.blockId }, 'reclaim.block-corrupt');
      }
    });
    const { reclaimBytesPerSecond } = this.#options;
    if (reclaimBytesPerSecond > 0 && movedBytes > 0) {
      await this.#seams.clock.sleep((movedBytes / reclaimBytesPerSecond) * 1000, this.#stop.signal);
    }
  }

  async #move(extent: Extent): Promise<Extent> {
    const { segments } = this.#store;
    const chunk = decodeChunkValue(await segments.get(extent), extent);
    const moved = await segments.put(extent.blockId, extent.generationStamp, chunk);
    return { ...extent, seq: moved.seq };
  }
}
