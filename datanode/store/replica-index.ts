import { crc32c } from '../../common/checksum.ts';
import type { Logger } from '../../common/log.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { Disk, Store } from '../../common/seams/disk.ts';
import { decodeExtents, encodeExtents, type Extent, type Extents } from './extent.ts';
import { decodeReplica, encodeReplica, type ReplicaRecord } from './replica-record.ts';
import { storageFailure } from './storage-failure.ts';
import { readUint64, writeUint64 } from './uint64.ts';

const NAME = 'index';
const MiB = 1024 * 1024;

// m|block -> replica record; x|block -> crc 4, extent rows; s|segment -> bytes written to it.
const REPLICA = 0x6d;
const EXTENTS = 0x78;
const SEGMENT = 0x73;

export interface IndexChange {
  readonly record?: ReplicaRecord;
  readonly extents?: { readonly blockId: number; readonly extents: Extents };
  /** A block whose records are dropped. */
  readonly dropped?: number;
  readonly segments?: ReadonlyMap<number, number>;
}

type Operation = { type: 'put'; key: Buffer; value: Buffer } | { type: 'del'; key: Buffer };

interface Waiting {
  readonly operations: Operation[];
  readonly sync: boolean;
  resolve(): void;
  reject(thrown: unknown): void;
}

/**
 * The small database beside the segments: which replicas there are and which chunks make them up.
 * Changes are written one batch after another, in the order of the calls; those that wait share a batch and its sync.
 */
export class ReplicaIndex {
  readonly #disk: Disk;
  readonly #log: Logger;
  #store: Store;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;

  private constructor(disk: Disk, log: Logger, store: Store) {
    this.#disk = disk;
    this.#log = log;
    this.#store = store;
  }

  static async open(disk: Disk, log: Logger, createIfMissing: boolean): Promise<ReplicaIndex> {
    return new ReplicaIndex(disk, log, await openIndex(disk, createIfMissing));
  }

  /** Every replica. A damaged record is left out: the namenode then counts the replica as lost and heals the block. */
  async replicas(): Promise<ReplicaRecord[]> {
    const records: ReplicaRecord[] = [];
    for await (const [key, value] of this.#store.db.iterator(range(REPLICA))) {
      const blockId = readUint64(key, 1);
      const record = decodeReplica(blockId, value);
      if (record === undefined) this.#log.error({ blockId }, 'replica.record-damaged');
      else records.push(record);
    }
    return records;
  }

  /** Bytes written to each segment, as far as known. */
  async segments(): Promise<Map<number, number>> {
    const bytes = new Map<number, number>();
    for await (const [key, value] of this.#store.db.iterator(range(SEGMENT))) {
      if (value.length === 8) bytes.set(readUint64(key, 1), readUint64(value, 0));
    }
    return bytes;
  }

  /** Errors: BLOCK_CORRUPT. */
  extents(blockId: number): Extent[] {
    const value = this.#store.db.getSync(keyOf(EXTENTS, blockId));
    if (value === undefined) return [];
    if (value.length < 4 || value.readUInt32BE(0) !== crc32c(value.subarray(4))) {
      throw new QuarryError(
        'BLOCK_CORRUPT',
        `the index of block ${blockId} is damaged on this node: read another replica`,
        { details: { blockId } },
      );
    }
    return decodeExtents(blockId, value.subarray(4));
  }

  /** Survives a kill when it resolves, with `sync` also a power cut. Errors: NO_SPACE, DISK_FAILED. */
  write(change: IndexChange, sync: boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ operations: operationsOf(change), sync, resolve, reject });
      this.#writing ??= this.#drain();
    });
  }

  /** Every change so far survives a power cut. */
  async sync(): Promise<void> {
    await this.#store.syncLogs();
  }

  /** After a failed write, which LevelDB remembers. */
  async reopen(): Promise<void> {
    await this.#writing;
    await this.#store.close();
    this.#store = await openIndex(this.#disk, false);
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.#store.close();
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0);
      try {
        const options = { sync: group.some(({ sync }) => sync) };
        await this.#store.db.batch(
          group.flatMap(({ operations }) => operations),
          // Only LevelDB knows `sync`; the common type does not name it.
          options as object,
        );
        for (const write of group) write.resolve();
      } catch (thrown) {
        const failure = storageFailure(thrown);
        for (const write of group) write.reject(failure);
      }
    }
    // At once, not when the promise is seen to have settled: a write that comes in between would wait for ever.
    this.#writing = undefined;
  }
}

function openIndex(disk: Disk, createIfMissing: boolean): Promise<Store> {
  return disk.openStore(NAME, { createIfMissing, writeBufferBytes: 4 * MiB, cacheBytes: 4 * MiB });
}

function operationsOf(change: IndexChange): Operation[] {
  const operations: Operation[] = [];
  const put = (kind: number, id: number, value: Buffer) =>
    operations.push({ type: 'put', key: keyOf(kind, id), value });
  const { record, extents, dropped, segments } = change;
  if (dropped !== undefined) {
    operations.push(
      { type: 'del', key: keyOf(REPLICA, dropped) },
      { type: 'del', key: keyOf(EXTENTS, dropped) },
    );
  }
  if (record !== undefined) put(REPLICA, record.blockId, encodeReplica(record));
  if (extents !== undefined) put(EXTENTS, extents.blockId, checksummed(encodeExtents(extents.extents)));
  for (const [firstSeq, bytes] of segments ?? []) {
    const value = Buffer.alloc(8);
    writeUint64(value, bytes, 0);
    put(SEGMENT, firstSeq, value);
  }
  return operations;
}

function checksummed(rows: Buffer): Buffer {
  const value = Buffer.allocUnsafe(4 + rows.length);
  value.set(rows, 4);
  value.writeUInt32BE(crc32c(rows), 0);
  return value;
}

function keyOf(kind: number, id: number): Buffer {
  const key = Buffer.alloc(9);
  key.writeUInt8(kind, 0);
  writeUint64(key, id, 1);
  return key;
}

function range(kind: number): { gte: Buffer; lt: Buffer } {
  return { gte: Buffer.from([kind]), lt: Buffer.from([kind + 1]) };
}
