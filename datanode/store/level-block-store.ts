import { BYTES_PER_CHECKSUM } from '../../common/checksum.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { Seams } from '../../common/seams/seams.ts';
import { BlockLocks } from './block-locks.ts';
import type { BlockStore, Chunk, Replica } from './block-store.ts';
import { type ChunkId, checksumBytes } from './chunk-codec.ts';
import { readChunks } from './chunk-reader.ts';
import { ExtentCache } from './extent-cache.ts';
import type { Extent, Extents } from './extent.ts';
import { addLive, ReplicaEntry } from './replica-entry.ts';
import { exists, invalid, notFound, staleStamp } from './replica-errors.ts';
import { ReplicaIndex } from './replica-index.ts';
import { Segments } from './segments.ts';
import { MemtableFlush } from './memtable-flush.ts';
import { Reclaimer } from './reclaimer.ts';
import { loadReplicas } from './store-start.ts';
import { verifyReplica } from './verify-replica.ts';
import { WriteGate } from './write-gate.ts';

export interface LevelStoreOptions {
  readonly segmentBytes: number;
  readonly writeBufferBytes: number;
  /** A segment with less live data is copied forward. */
  readonly segmentLiveShareMin: number;
  readonly reclaimBytesPerSecond: number;
  /** Share of the disk that new blocks leave free. */
  readonly reserveShare: number;
  /** True on the first start only: a database that has gone must be an error later. */
  readonly create: boolean;
}

/** A copy that got no byte for that long has no sender any more. */
const COPY_ABANDONED_MS = 60_000;

export type StoreSeams = Pick<Seams, 'disk' | 'clock' | 'log'>;

/**
 * Bytes in LevelDB. Chunks go to segments in arrival order, whatever block they belong to, so that LevelDB never has
 * to sort them; a small index says which chunks make up a block. Nothing is trusted that LevelDB answers: each chunk
 * and each record carries its own checksum and its own name.
 */
export class LevelBlockStore implements BlockStore {
  readonly #seams: StoreSeams;
  readonly #segments: Segments;
  readonly #index: ReplicaIndex;
  readonly #entries: Map<number, ReplicaEntry>;
  readonly #locks = new BlockLocks();
  readonly #cache = new ExtentCache();
  readonly #gate: WriteGate;
  readonly #reclaimer: Reclaimer;
  readonly #memtable: MemtableFlush;
  #usedBytes = 0;

  private constructor(
    seams: StoreSeams,
    options: LevelStoreOptions,
    segments: Segments,
    index: ReplicaIndex,
    entries: Map<number, ReplicaEntry>,
  ) {
    this.#seams = seams;
    this.#segments = segments;
    this.#index = index;
    this.#entries = entries;
    for (const { lengthBytes } of entries.values()) this.#usedBytes += lengthBytes;
    this.#gate = new WriteGate(seams, options.reserveShare, async () => {
      await segments.startNext();
      await index.reopen();
    });
    this.#memtable = new MemtableFlush(seams, options.writeBufferBytes, () => segments.flush());
    this.#reclaimer = new Reclaimer(seams, options, {
      segments,
      index,
      entries,
      locks: this.#locks,
      extentsOf: (entry) => this.#extentsOf(entry),
      forget: (blockId) => this.#cache.forget(blockId),
    });
    this.#reclaimer.wake();
  }

  /** Errors: STORAGE_IN_USE, NOT_FORMATTED, DISK_FAILED, NO_SPACE. */
  static async open(seams: StoreSeams, options: LevelStoreOptions): Promise<LevelBlockStore> {
    const index = await ReplicaIndex.open(seams.disk, seams.log, options.create);
    const segments = new Segments(seams.disk, options, seams.log);
    await segments.open();
    const entries = await loadReplicas(index, segments, seams.log);
    return new LevelBlockStore(seams, options, segments, index, entries);
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  get blockCount(): number {
    return this.#entries.size;
  }

  /** Databases that hold chunks. */
  get segmentCount(): number {
    return this.#segments.all.length;
  }

  get failure(): QuarryError | undefined {
    return this.#gate.failure;
  }

  replica(blockId: number): Replica | undefined {
    return this.#entries.get(blockId)?.snapshot();
  }

  *replicas(): IterableIterator<Replica> {
    for (const entry of this.#entries.values()) yield entry.snapshot();
  }

  create(blockId: number, generationStamp: number, state: 'RBW' | 'TEMPORARY'): Promise<Replica> {
    return this.#change(blockId, async () => {
      await this.#gate.admitBlock();
      const old = this.#entries.get(blockId);
      const nowMs = this.#seams.clock.monoMs();
      if (old !== undefined && !replaceable(old, generationStamp, nowMs)) throw exists(old);
      const scanFromSeq = this.#segments.nextSeq;
      const fresh = { blockId, generationStamp, state, scanFromSeq, recoveryStamp: old?.recoveryStamp ?? 0 };
      const entry = new ReplicaEntry(
        { ...fresh, lengthBytes: 0, durableLengthBytes: 0, usage: new Map() },
        [],
      );
      entry.lastAppendMs = nowMs;
      await this.#index.write({ dropped: blockId, record: entry.record }, false);
      if (old !== undefined) this.#forget(old);
      this.#entries.set(blockId, entry);
      return entry.snapshot();
    });
  }

  reopen(blockId: number, newGenerationStamp: number, lengthBytes: number): Promise<Replica> {
    return this.#change(blockId, async () => {
      await this.#gate.admit();
      const entry = this.#entry(blockId);
      if (newGenerationStamp < entry.generationStamp || newGenerationStamp <= entry.openRecoveryStamp) {
        throw staleStamp(blockId, newGenerationStamp, Math.max(entry.generationStamp, entry.recoveryStamp));
      }
      if (entry.state === 'TEMPORARY') throw invalid(entry, 'is a copy that is being received');
      this.#checkCut(entry, lengthBytes);
      entry.scanFromSeq = this.#segments.nextSeq;
      this.#cut(entry, lengthBytes);
      entry.generationStamp = newGenerationStamp;
      entry.underRecovery = false;
      entry.state = 'RBW';
      await this.#persist(entry);
      return entry.snapshot();
    });
  }

  async append(blockId: number, generationStamp: number, chunk: Chunk): Promise<void> {
    for (let lock = this.#locks.held(blockId); lock !== undefined; lock = this.#locks.held(blockId))
      await lock;
    if (this.#gate.failure !== undefined) await this.#gate.admit();
    // From here to the put nothing is awaited: the stamp that was checked is the stamp that is written.
    const entry = this.#entry(blockId);
    entry.checkWriter(generationStamp);
    checkChunk(entry, chunk);
    entry.lastAppendMs = this.#memtable.wrote(chunk.data.length);
    entry.beginAppend(chunk.offsetBytes + chunk.data.length);
    let id: ChunkId | undefined;
    try {
      id = await this.#segments.put(blockId, generationStamp, chunk);
    } catch (thrown) {
      throw this.#gate.failed(thrown);
    } finally {
      const grownBytes = entry.endAppend(this.#segments, id);
      this.#usedBytes += grownBytes ?? 0;
      if (grownBytes === undefined) id = undefined;
    }
    if (id === undefined) {
      throw new QuarryError('DISK_FAILED', `an earlier write of block ${blockId} has failed`);
    }
  }

  sync(blockId: number, generationStamp: number): Promise<Replica> {
    return this.#change(blockId, async () => {
      const entry = this.#entry(blockId);
      entry.checkWriter(generationStamp);
      if (entry.durableLengthBytes < entry.lengthBytes) {
        await this.#segments.sync(this.#extentsOf(entry).map(({ seq }) => seq));
        entry.durableLengthBytes = entry.lengthBytes;
        // The extents need not be written: a start finds the chunks by their keys.
        await this.#index.write({ record: entry.record }, true);
      }
      return entry.snapshot();
    });
  }

  finalize(blockId: number, generationStamp: number, lengthBytes: number): Promise<Replica> {
    return this.#change(blockId, async () => {
      const entry = this.#entry(blockId);
      entry.checkWriter(generationStamp);
      if (entry.lengthBytes !== lengthBytes) {
        throw invalid(entry, `has ${entry.lengthBytes} bytes on this node, not ${lengthBytes}`);
      }
      if (entry.state === 'FINALIZED') return entry.snapshot();
      if (entry.state === 'RWR') throw invalid(entry, 'waits for its recovery since the datanode restarted');
      await this.#finalize(entry);
      return entry.snapshot();
    });
  }

  async *read(
    blockId: number,
    offsetBytes: number,
    lengthBytes: number,
    { verify = true } = {},
  ): AsyncIterable<Chunk> {
    const { lengthBytes: endBytes } = this.#entry(blockId);
    if (offsetBytes < 0 || lengthBytes < 0 || offsetBytes > endBytes) {
      throw new QuarryError(
        'INVALID_ARGUMENT',
        `block ${blockId} has ${endBytes} bytes: there is no ${offsetBytes}+${lengthBytes}`,
      );
    }
    const toBytes = Math.min(offsetBytes + lengthBytes, endBytes);
    if (toBytes === offsetBytes) return;
    const source = {
      extents: () => this.#extentsOf(this.#entry(blockId)),
      get: (extent: Extent) => this.#segments.get(extent),
      verify,
    };
    yield* readChunks(source, offsetBytes, toBytes, endBytes);
  }

  /** Answers the replica as it was before: the state decides whose length counts. */
  startRecovery(blockId: number, recoveryStamp: number): Promise<Replica> {
    return this.#change(blockId, async () => {
      const entry = this.#entry(blockId);
      const newest = Math.max(entry.generationStamp, entry.recoveryStamp);
      if (entry.state === 'TEMPORARY') throw notFound(blockId);
      if (recoveryStamp <= newest) throw staleStamp(blockId, recoveryStamp, newest);
      const before = { ...entry.snapshot(), state: entry.state };
      entry.recoveryStamp = recoveryStamp;
      entry.underRecovery = true;
      // A promise to refuse older writers must outlive a power cut.
      await this.#index.write({ record: entry.record }, true);
      return before;
    });
  }

  completeRecovery(blockId: number, recoveryStamp: number, lengthBytes: number): Promise<Replica> {
    return this.#change(blockId, async () => {
      const entry = this.#entry(blockId);
      const done = entry.generationStamp === recoveryStamp && entry.state === 'FINALIZED';
      if (done && entry.lengthBytes === lengthBytes && !entry.underRecovery) return entry.snapshot();
      if (!entry.underRecovery || entry.recoveryStamp !== recoveryStamp) {
        throw staleStamp(blockId, recoveryStamp, Math.max(entry.generationStamp, entry.recoveryStamp));
      }
      this.#checkCut(entry, lengthBytes);
      this.#cut(entry, lengthBytes);
      entry.generationStamp = recoveryStamp;
      entry.underRecovery = false;
      await this.#finalize(entry);
      return entry.snapshot();
    });
  }

  async delete(blockId: number, generationStamp: number): Promise<boolean> {
    return this.#change(blockId, async () => {
      const entry = this.#entries.get(blockId);
      if (entry === undefined || entry.generationStamp > generationStamp) return false;
      await this.#gate.admit();
      await this.#index.write({ dropped: blockId }, false);
      this.#forget(entry);
      this.#entries.delete(blockId);
      this.#reclaimer.wake();
      return true;
    });
  }

  async verify(
    blockId: number,
    bytesPerSecond: number,
    signal?: AbortSignal,
  ): Promise<'ok' | 'corrupt' | 'missing'> {
    if (!this.#entries.has(blockId)) return 'missing';
    return verifyReplica(this, blockId, { clock: this.#seams.clock, bytesPerSecond, signal });
  }

  /** A small durable write: how long it takes says how the disk is. Errors: NO_SPACE, DISK_FAILED. */
  async probe(): Promise<void> {
    await this.#gate.admit();
    try {
      await this.#index.write({ segments: new Map([[0, this.#usedBytes]]) }, true);
    } catch (thrown) {
      throw this.#gate.failed(thrown);
    }
  }

  async close(): Promise<void> {
    this.#memtable.close();
    await this.#reclaimer.close();
    await this.#segments.close();
    await this.#index.close();
  }

  /** Runs `change` alone on its block, with no append under way. */
  #change<T>(blockId: number, change: () => Promise<T>): Promise<T> {
    return this.#locks.exclusively(blockId, async () => {
      await this.#entries.get(blockId)?.drained();
      try {
        return await change();
      } catch (thrown) {
        throw this.#gate.failed(thrown);
      }
    });
  }

  async #finalize(entry: ReplicaEntry): Promise<void> {
    const extents = this.#extentsOf(entry);
    await this.#segments.sync(extents.map(({ seq }) => seq));
    const finalized = { ...entry.record, state: 'FINALIZED' as const, scanFromSeq: 0 };
    entry.account(this.#segments, extents);
    await this.#index.write(
      {
        record: { ...finalized, durableLengthBytes: entry.lengthBytes, usage: entry.usage },
        extents: { blockId: entry.blockId, extents },
        segments: this.#writtenBytes(entry),
      },
      true,
    );
    entry.state = 'FINALIZED';
    entry.scanFromSeq = 0;
    entry.durableLengthBytes = entry.lengthBytes;
    entry.extents = undefined;
    this.#cache.get(entry.blockId, () => extents);
  }

  async #persist(entry: ReplicaEntry): Promise<void> {
    const extents = { blockId: entry.blockId, extents: this.#extentsOf(entry) };
    await this.#index.write({ record: entry.record, extents }, true);
  }

  #cut(entry: ReplicaEntry, lengthBytes: number): void {
    const extents = [...this.#extentsOf(entry)];
    this.#usedBytes -= entry.lengthBytes - lengthBytes;
    entry.truncate(extents, lengthBytes);
    this.#cache.forget(entry.blockId);
    entry.account(this.#segments, entry.extents!);
  }

  #checkCut(entry: ReplicaEntry, lengthBytes: number): void {
    if (lengthBytes < 0 || lengthBytes > entry.lengthBytes) {
      throw invalid(entry, `has ${entry.lengthBytes} bytes on this node and cannot be cut to ${lengthBytes}`);
    }
  }

  #extentsOf(entry: ReplicaEntry): Extents {
    return entry.extents ?? this.#cache.get(entry.blockId, () => this.#index.extents(entry.blockId));
  }

  #forget(entry: ReplicaEntry): void {
    addLive(this.#segments, entry.usage, -1);
    this.#cache.forget(entry.blockId);
    this.#usedBytes -= entry.lengthBytes;
  }

  #writtenBytes(entry: ReplicaEntry): Map<number, number> {
    return new Map(
      [...entry.usage.keys()].map((firstSeq) => [firstSeq, this.#segments.find(firstSeq)!.writtenBytes]),
    );
  }

  #entry(blockId: number): ReplicaEntry {
    const entry = this.#entries.get(blockId);
    if (entry === undefined) throw notFound(blockId);
    return entry;
  }
}

function checkChunk(entry: ReplicaEntry, { offsetBytes, data, checksums }: Chunk): void {
  if (entry.state !== 'RBW' && entry.state !== 'TEMPORARY') throw invalid(entry, `is ${entry.state}`);
  if (offsetBytes % BYTES_PER_CHECKSUM !== 0 || data.length === 0) {
    throw invalid(entry, `takes chunks from multiples of ${BYTES_PER_CHECKSUM}, not ${offsetBytes}`);
  }
  if (offsetBytes > entry.pendingEndBytes) {
    throw invalid(entry, `has ${entry.pendingEndBytes} bytes: a chunk at ${offsetBytes} leaves a gap`);
  }
  if (checksums.length !== checksumBytes(data.length))
    throw invalid(entry, 'got another number of checksums');
}

/**
 * What a stale writer left gives way to a newer life of the block, and a copy whose sender has gone to the next try:
 * it would be in the way until the next start.
 */
function replaceable(entry: ReplicaEntry, generationStamp: number, nowMs: number): boolean {
  if (entry.state === 'TEMPORARY' && nowMs - entry.lastAppendMs > COPY_ABANDONED_MS) {
    return entry.generationStamp <= generationStamp;
  }
  return entry.generationStamp < generationStamp && entry.state !== 'FINALIZED' && !entry.underRecovery;
}
