import { BYTES_PER_CHECKSUM, crc32c } from '../../../../common/checksum.ts';
import { QuarryError } from '../../../../common/quarry-error.ts';
import { computeChecksums } from '../../../../common/transfer/chunk-checksums.ts';
import type { BlockStore, Chunk, Replica, ReplicaState } from '../../../../datanode/store/block-store.ts';

interface Stored {
  replica: Replica;
  data: Buffer;
  checksums: Buffer;
}

/** Replicas as two buffers each. The suite that every store must pass is in test/conformance; this one serves the transfer tests. */
export class MemoryBlockStore implements BlockStore {
  readonly blocks = new Map<number, Stored>();
  readonly calls: string[] = [];
  /** What to do before an append, such as waiting or throwing. */
  beforeAppend: (chunk: Chunk) => Promise<void> = () => Promise.resolve();
  beforeFinalize: () => Promise<void> = () => Promise.resolve();
  readChunkBytes = 256 * 1024;
  #tail: Promise<unknown> = Promise.resolve();

  get usedBytes(): number {
    return [...this.blocks.values()].reduce((sum, { data }) => sum + data.length, 0);
  }

  bytes(blockId: number): Buffer {
    return this.#get(blockId).data;
  }

  replica(blockId: number): Replica | undefined {
    return this.blocks.get(blockId)?.replica;
  }

  *replicas(): IterableIterator<Replica> {
    for (const { replica } of this.blocks.values()) yield replica;
  }

  create(blockId: number, generationStamp: number, state: 'RBW' | 'TEMPORARY'): Promise<Replica> {
    return this.#locked(() => {
      if (this.blocks.has(blockId)) throw new QuarryError('FILE_EXISTS', `block ${blockId} exists`);
      const replica: Replica = { blockId, generationStamp, state, lengthBytes: 0, durableLengthBytes: 0 };
      this.blocks.set(blockId, { replica, data: Buffer.alloc(0), checksums: Buffer.alloc(0) });
      return replica;
    });
  }

  reopen(blockId: number, newGenerationStamp: number, lengthBytes: number): Promise<Replica> {
    return this.#locked(() => {
      const stored = this.#get(blockId);
      if (stored.replica.generationStamp > newGenerationStamp)
        throw new QuarryError('STALE_GENERATION', 'older');
      this.#cut(stored, lengthBytes);
      return this.#set(stored, { generationStamp: newGenerationStamp, state: 'RBW', lengthBytes });
    });
  }

  async append(blockId: number, generationStamp: number, chunk: Chunk): Promise<void> {
    await this.#locked(async () => {
      await this.beforeAppend(chunk);
      const stored = this.#current(blockId, generationStamp);
      if (chunk.offsetBytes % BYTES_PER_CHECKSUM !== 0 || chunk.offsetBytes > stored.data.length) {
        throw new QuarryError('INVALID_ARGUMENT', `a gap before ${chunk.offsetBytes}`);
      }
      stored.data = Buffer.concat([stored.data.subarray(0, chunk.offsetBytes), chunk.data]);
      const kept = stored.checksums.subarray(0, (chunk.offsetBytes / BYTES_PER_CHECKSUM) * 4);
      stored.checksums = Buffer.concat([kept, chunk.checksums]);
      this.#set(stored, { lengthBytes: stored.data.length });
    });
  }

  sync(blockId: number, generationStamp: number): Promise<Replica> {
    return this.#locked(() => {
      this.calls.push('sync');
      const stored = this.#current(blockId, generationStamp);
      return this.#set(stored, { durableLengthBytes: stored.data.length });
    });
  }

  finalize(blockId: number, generationStamp: number, lengthBytes: number): Promise<Replica> {
    return this.#locked(async () => {
      await this.beforeFinalize();
      this.calls.push('finalize');
      const stored = this.#current(blockId, generationStamp);
      if (stored.data.length !== lengthBytes) throw new QuarryError('INVALID_ARGUMENT', 'another length');
      return this.#set(stored, { state: 'FINALIZED', durableLengthBytes: lengthBytes });
    });
  }

  async *read(blockId: number, offsetBytes: number, lengthBytes: number): AsyncGenerator<Chunk> {
    const { data, checksums } = this.#get(blockId);
    const start = offsetBytes - (offsetBytes % BYTES_PER_CHECKSUM);
    const end = Math.min(
      data.length,
      Math.ceil((offsetBytes + lengthBytes) / BYTES_PER_CHECKSUM) * BYTES_PER_CHECKSUM,
    );
    for (let at = start; at < end; at += this.readChunkBytes) {
      await Promise.resolve();
      const to = Math.min(end, at + this.readChunkBytes);
      yield {
        offsetBytes: at,
        data: data.subarray(at, to),
        checksums: checksums.subarray((at / BYTES_PER_CHECKSUM) * 4, Math.ceil(to / BYTES_PER_CHECKSUM) * 4),
      };
    }
  }

  /** Flips a bit of the stored bytes, not of their checksums. */
  damage(blockId: number, offset: number): void {
    const { data } = this.#get(blockId);
    data[offset] = data[offset]! ^ 1;
  }

  startRecovery(): Promise<Replica> {
    throw new Error('not for these tests');
  }

  completeRecovery(): Promise<Replica> {
    throw new Error('not for these tests');
  }

  delete(blockId: number): Promise<boolean> {
    return this.#locked(() => this.blocks.delete(blockId));
  }

  verify(blockId: number): Promise<'ok' | 'corrupt' | 'missing'> {
    const stored = this.blocks.get(blockId);
    if (stored === undefined) return Promise.resolve('missing');
    const expected = computeChecksums([stored.data], stored.data.length);
    return Promise.resolve(expected.equals(stored.checksums) ? 'ok' : 'corrupt');
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #locked<T>(work: () => T | Promise<T>): Promise<T> {
    const done = this.#tail.then(work);
    this.#tail = done.then(
      () => undefined,
      () => undefined,
    );
    return done;
  }

  #get(blockId: number): Stored {
    const stored = this.blocks.get(blockId);
    if (stored === undefined) throw new QuarryError('BLOCK_NOT_FOUND', `no block ${blockId}`);
    return stored;
  }

  #current(blockId: number, generationStamp: number): Stored {
    const stored = this.#get(blockId);
    if (stored.replica.generationStamp !== generationStamp)
      throw new QuarryError('STALE_GENERATION', 'older');
    return stored;
  }

  #set(stored: Stored, change: Partial<Replica> & { state?: ReplicaState }): Replica {
    stored.replica = { ...stored.replica, ...change };
    return stored.replica;
  }

  #cut(stored: Stored, lengthBytes: number): void {
    stored.data = Buffer.from(stored.data.subarray(0, lengthBytes));
    stored.checksums = Buffer.from(
      stored.checksums.subarray(0, Math.ceil(lengthBytes / BYTES_PER_CHECKSUM) * 4),
    );
    const inChunk = lengthBytes % BYTES_PER_CHECKSUM;
    if (inChunk > 0) {
      stored.checksums.writeUInt32BE(
        crc32c(stored.data.subarray(lengthBytes - inChunk)),
        stored.checksums.length - 4,
      );
    }
  }
}
