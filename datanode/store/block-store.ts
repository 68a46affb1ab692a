import type { QuarryError } from '../../common/quarry-error.ts';

/** RBW: being written by a client. RWR: was, when the datanode restarted. RUR: under recovery. TEMPORARY: a copy being received, wiped at start. */
export type ReplicaState = 'TEMPORARY' | 'RBW' | 'RWR' | 'RUR' | 'FINALIZED';

export interface Replica {
  readonly blockId: number;
  readonly generationStamp: number;
  readonly state: ReplicaState;
  /** Bytes in the store. */
  readonly lengthBytes: number;
  /** Bytes that a power cut leaves. */
  readonly durableLengthBytes: number;
}

/** A run of bytes with their checksums as received: CRC32C of each 512 bytes, 4 bytes big-endian each, the last run maybe shorter. */
export interface Chunk {
  readonly offsetBytes: number;
  readonly data: Buffer;
  readonly checksums: Buffer;
  /**
   * Where the writer has verified them: the buffer that ends with checksums and data, before them `FRAME_HEAD_BYTES`
   * that are the store's to fill, so that the bytes need not be copied to be stored.
   */
  readonly frame?: Buffer | undefined;
}

export const FRAME_HEAD_BYTES = 40;

/**
 * Replicas of one datanode. One suite (test/conformance) holds for every implementation.
 *
 * Every change of a replica runs under a lock of that block, inside which the stamp is compared again: a change with a
 * stamp older than the stored one is STALE_GENERATION, whenever it arrives (HDFS-7065 came from checking outside).
 * Offsets of a chunk start on a multiple of 512. Buffers handed in are not kept after the call resolves.
 */
export interface BlockStore {
  /** Bytes of data of all replicas. */
  readonly usedBytes: number;
  /** Why writes are refused at the moment: NO_SPACE, which passes, or DISK_FAILED. */
  readonly failure?: QuarryError | undefined;
  replica(blockId: number): Replica | undefined;
  replicas(): IterableIterator<Replica>;
  /** Errors: FILE_EXISTS when the block is there with the same or a newer stamp (an older one is replaced unless it is FINALIZED or RUR, and a TEMPORARY that got nothing for a minute), NO_SPACE, DISK_FAILED. */
  create(blockId: number, generationStamp: number, state: 'RBW' | 'TEMPORARY'): Promise<Replica>;
  /** For pipeline recovery and append: cuts to `lengthBytes` (never longer than it is), takes the new stamp, becomes RBW. Errors: BLOCK_NOT_FOUND, STALE_GENERATION. */
  reopen(blockId: number, newGenerationStamp: number, lengthBytes: number): Promise<Replica>;
  /** The bytes are in the store when it resolves (they survive kill -9, not a power cut). May overlap what is there from an earlier partial 512: newer wins. A gap is INVALID_ARGUMENT. */
  append(blockId: number, generationStamp: number, chunk: Chunk): Promise<void>;
  /** Everything appended so far survives a power cut. */
  sync(blockId: number, generationStamp: number): Promise<Replica>;
  /** Durable when it resolves. Repeating it is harmless. Errors: INVALID_ARGUMENT when the length is not what was appended. */
  finalize(blockId: number, generationStamp: number, lengthBytes: number): Promise<Replica>;
  /**
   * Chunks that cover [offset, offset + length), aligned outwards to 512 bytes where the data allows; verified, unless
   * `verify` is false because whoever gets them checks the data against the checksums: then only that they are the right ones.
   * Errors: BLOCK_NOT_FOUND, BLOCK_CORRUPT.
   */
  read(
    blockId: number,
    offsetBytes: number,
    lengthBytes: number,
    options?: { readonly verify?: boolean },
  ): AsyncIterable<Chunk>;
  /** Becomes RUR, answers the replica as it was before; later writes with older stamps fail. Errors: BLOCK_NOT_FOUND, STALE_GENERATION when a recovery with an equal or newer stamp has started. */
  startRecovery(blockId: number, recoveryStamp: number): Promise<Replica>;
  /** Cuts to the agreed length, takes the stamp, finalizes durably. */
  completeRecovery(blockId: number, recoveryStamp: number, lengthBytes: number): Promise<Replica>;
  /** False when there is none, or its stamp is newer. */
  delete(blockId: number, generationStamp: number): Promise<boolean>;
  /** Re-reads every byte against header and checksums, at most at the given rate (0: no bound). */
  verify(
    blockId: number,
    bytesPerSecond: number,
    signal?: AbortSignal,
  ): Promise<'ok' | 'corrupt' | 'missing'>;
  close(): Promise<void>;
}
