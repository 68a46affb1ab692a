import type { Disk, Store } from '../../common/seams/disk.ts';
import { type ChunkId, chunkKeyFrom, decodeChunkKey, encodeChunkKey } from './chunk-codec.ts';
import { storageFailure } from './storage-failure.ts';

const MiB = 1024 * 1024;
/** One batch at the disk and one being copied into LevelDB: enough to keep both cores of the path busy. */
const BATCHES_IN_FLIGHT = 2;
/** LevelDB's batches grow by doubling: one that gathers packets copies each twice, and takes new memory every time. Small ones go together. */
const BATCH_BYTES_MAX = 64 * 1024;

interface Put {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly seq: number;
  resolve(): void;
  reject(thrown: unknown): void;
}

/** One database of chunks. Its name says the first place in arrival order that it may hold. */
export class Segment {
  readonly firstSeq: number;
  readonly name: string;
  /** Bytes of chunk values that were put, live or not. */
  writtenBytes = 0;
  /** Bytes of chunk values that a replica still counts on. */
  liveBytes = 0;
  lastUse = 0;
  readonly #disk: Disk;
  readonly #writeBufferBytes: number;
  #store: Promise<Store> | undefined;
  #users = 0;
  #waiting: Put[] = [];
  #batches = 0;
  #settled: Promise<unknown> = Promise.resolve();
  /** Highest place whose put has returned, and whose put survives a power cut. */
  #ackedSeq = -1;
  #syncedSeq = -1;
  #syncing: Promise<void> | undefined;

  constructor(disk: Disk, firstSeq: number, writeBufferBytes: number) {
    this.#disk = disk;
    this.firstSeq = firstSeq;
    this.name = segmentName(firstSeq);
    this.#writeBufferBytes = writeBufferBytes;
  }

  get isOpen(): boolean {
    return this.#store !== undefined;
  }

  get isIdle(): boolean {
    return this.#users === 0 && this.#waiting.length === 0 && this.#batches === 0;
  }

  /** Opens the database if it is not open. Errors: NOT_FORMATTED, DISK_FAILED. */
  async open(createIfMissing = false): Promise<Store> {
    this.#store ??= this.#disk
      .openStore(this.name, {
        createIfMissing,
        writeBufferBytes: this.#writeBufferBytes,
        maxFileBytes: 32 * MiB,
        // Tables are mapped and their blocks not cached; the cache serves files beyond the limit of mappings.
        cacheBytes: MiB,
      })
      .catch((thrown: unknown) => {
        this.#store = undefined;
        throw thrown;
      });
    return this.#store;
  }

  /** Resolves when the put has returned; puts that wait at the same time share a batch, and resolve in order. */
  put(id: ChunkId, value: Buffer): Promise<void> {
    this.writtenBytes += value.length;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ key: encodeChunkKey(id), value, seq: id.seq, resolve, reject });
      if (this.#batches < BATCHES_IN_FLIGHT) this.#flush();
    });
  }

  async get(id: ChunkId): Promise<Buffer | undefined> {
    this.#users++;
    try {
      const { db } = await this.open();
      return await db.get(encodeChunkKey(id));
    } finally {
      this.#users--;
    }
  }

  /** Ids of the chunks from `seq` on, in arrival order. Reads keys only. */
  async *ids(seq: number): AsyncIterable<ChunkId> {
    this.#users++;
    try {
      const { db } = await this.open();
      for await (const key of db.keys({ gte: chunkKeyFrom(seq) })) {
        const id = decodeChunkKey(key);
        if (id !== undefined) yield id;
      }
    } finally {
      this.#users--;
    }
  }

  /** The last place in use, or undefined in an empty segment. */
  async lastSeq(): Promise<number | undefined> {
    const { db } = await this.open();
    for await (const key of db.keys({ reverse: true, limit: 1 })) return decodeChunkKey(key)?.seq;
    return undefined;
  }

  /** Every put up to `seq` that has returned survives a power cut when it resolves. */
  async sync(seq: number): Promise<void> {
    if (this.#syncedSeq >= seq) return;
    // One that runs already may have begun before the put returned; one that begins after this line has not.
    await this.#syncing;
    if (this.#syncedSeq >= seq) return;
    this.#syncing ??= this.#syncOnce().finally(() => {
      this.#syncing = undefined;
    });
    await this.#syncing;
  }

  /**
   * Writes the memtable out as a table, so that its memory is freed and the next open replays nothing.
   * A no-op where the store has no such call.
   */
  async flushMemtable(): Promise<void> {
    this.#users++;
    try {
      await this.drained();
      const { db } = await this.open();
      const beyond = Buffer.alloc(9, 0xff);
      // Compacting a range where there is nothing only flushes.
      await (db as Partial<Compactable>).compactRange?.(beyond, beyond);
    } finally {
      this.#users--;
    }
  }

  /** Waits for what is under way. Opens again at the next use. */
  async close(): Promise<void> {
    await this.drained();
    const store = this.#store;
    this.#store = undefined;
    if (store !== undefined) await (await store).close();
  }

  /** No put resolves before `before` does: chunks of one block resolve in order, also from one segment to the next. */
  settleAfter(before: Promise<void>): void {
    this.#settled = before;
  }

  /** Every put so far has returned or failed. */
  async drained(): Promise<void> {
    while (this.#batches > 0) await this.#settled;
  }

  #flush(): void {
    if (this.#waiting.length === 0) return;
    let bytes = 0;
    let count = 0;
    while (count < this.#waiting.length && bytes < BATCH_BYTES_MAX)
      bytes += this.#waiting[count++]!.value.length;
    const puts = this.#waiting.splice(0, count);
    this.#batches++;
    const before = this.#settled;
    const written = this.open().then(({ db }) =>
      db.batch(puts.map(({ key, value }) => ({ type: 'put' as const, key, value }))),
    );
    this.#settled = Promise.allSettled([before, written]).then(([, outcome]) => {
      this.#batches--;
      this.#settle(puts, outcome);
      this.#flush();
    });
  }

  #settle(puts: readonly Put[], outcome: PromiseSettledResult<void>): void {
    if (outcome.status === 'fulfilled') this.#ackedSeq = Math.max(this.#ackedSeq, puts.at(-1)!.seq);
    const failure = outcome.status === 'rejected' ? storageFailure(outcome.reason) : undefined;
    for (const put of puts) {
      if (failure === undefined) put.resolve();
      else put.reject(failure);
    }
  }

  async #syncOnce(): Promise<void> {
    this.#users++;
    try {
      const upTo = this.#ackedSeq;
      await (await this.open()).syncLogs();
      this.#syncedSeq = Math.max(this.#syncedSeq, upTo);
    } catch (thrown) {
      throw storageFailure(thrown);
    } finally {
      this.#users--;
    }
  }
}

interface Compactable {
  compactRange(start: Buffer, end: Buffer): Promise<void>;
}

const DIRECTORY = 'segments';

export function segmentName(firstSeq: number): string {
  return `${DIRECTORY}/${firstSeq.toString(16).padStart(14, '0')}`;
}

/** First places of the segments on the disk, rising. */
export async function listSegments(disk: Disk): Promise<number[]> {
  const names = await disk.listStores(DIRECTORY);
  return names
    .filter((name) => /^[0-9a-f]{14}$/.test(name))
    .map((name) => Number.parseInt(name, 16))
    .toSorted((a, b) => a - b);
}
