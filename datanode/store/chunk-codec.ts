import { assert } from '../../common/assert.ts';
import { BYTES_PER_CHECKSUM, crc32c } from '../../common/checksum.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import { combineChecksums } from '../../common/transfer/chunk-checksums.ts';
import { type Chunk, FRAME_HEAD_BYTES } from './block-store.ts';
import { readUint64, writeUint64 } from './uint64.ts';

/**
 * Which chunk a value is. The key carries all of it, so that a scan of keys alone, which touches no data,
 * rebuilds the extents of the blocks that were being written when the process died.
 */
export interface ChunkId {
  /** Place in arrival order, over all segments. */
  readonly seq: number;
  readonly blockId: number;
  /** The replica's when the chunk came; the replica's own may be newer, never older. */
  readonly generationStamp: number;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

// Key: seq 8, block 8, stamp 8, offset 8, length 4.
const KEY_BYTES = 36;

// Value: crc 4, magic 4, version 2, unused 2, block 8, stamp 8, offset 8, length 4, checksums, data. The CRC covers
// everything behind it, so a flipped bit and a value that belongs to another place are both found.
export const CHUNK_HEADER_BYTES = FRAME_HEAD_BYTES;
const MAGIC = 0x5143484b; // QCHK
const VERSION = 1;

export function encodeChunkKey(id: ChunkId): Buffer {
  const key = Buffer.allocUnsafe(KEY_BYTES);
  writeUint64(key, id.seq, 0);
  writeUint64(key, id.blockId, 8);
  writeUint64(key, id.generationStamp, 16);
  writeUint64(key, id.offsetBytes, 24);
  key.writeUInt32BE(id.lengthBytes, 32);
  return key;
}

/** The smallest key of that place in arrival order. */
export function chunkKeyFrom(seq: number): Buffer {
  const key = Buffer.alloc(8);
  writeUint64(key, seq, 0);
  return key;
}

/** Undefined for a key that no version of this store writes. */
export function decodeChunkKey(key: Buffer): ChunkId | undefined {
  if (key.length !== KEY_BYTES) return undefined;
  return {
    seq: readUint64(key, 0),
    blockId: readUint64(key, 8),
    generationStamp: readUint64(key, 16),
    offsetBytes: readUint64(key, 24),
    lengthBytes: key.readUInt32BE(32),
  };
}

export function checksumBytes(lengthBytes: number): number {
  return Math.ceil(lengthBytes / BYTES_PER_CHECKSUM) * 4;
}

export function encodeChunkValue(blockId: number, generationStamp: number, chunk: Chunk): Buffer {
  const { checksums, data, frame } = chunk;
  const value = frame ?? Buffer.allocUnsafe(CHUNK_HEADER_BYTES + checksums.length + data.length);
  assert(value.length === CHUNK_HEADER_BYTES + checksums.length + data.length, 'a frame of another length');
  value.writeUInt32BE(MAGIC, 4);
  value.writeUInt16BE(VERSION, 8);
  value.writeUInt16BE(0, 10);
  writeUint64(value, blockId, 12);
  writeUint64(value, generationStamp, 20);
  writeUint64(value, chunk.offsetBytes, 28);
  value.writeUInt32BE(data.length, 36);
  if (frame === undefined) {
    value.set(checksums, CHUNK_HEADER_BYTES);
    value.set(data, CHUNK_HEADER_BYTES + checksums.length);
    value.writeUInt32BE(crc32c(value.subarray(4)), 0);
    return value;
  }
  // The data was verified where it came in: its CRC follows from its checksums, and damage since then shows.
  const beforeData = crc32c(value.subarray(4, CHUNK_HEADER_BYTES + checksums.length));
  value.writeUInt32BE(combineChecksums(checksums, data.length, beforeData), 0);
  return value;
}

/** The chunk in a value, without a copy. Errors: BLOCK_CORRUPT when it is damaged or another chunk than `id`. */
export function decodeChunkValue(value: Buffer | undefined, id: ChunkId): Chunk {
  const chunk = decodeUnverified(value, id);
  checkChunkValue(value!, id);
  return chunk;
}

/** Errors: BLOCK_CORRUPT when the value is damaged. */
export function checkChunkValue(value: Buffer, id: ChunkId): void {
  if (value.readUInt32BE(0) !== crc32c(value.subarray(4))) throw corrupt(id, 'does not match its checksum');
}

/** As `decodeChunkValue`, but whether the data match their checksums is left to whom both are sent. */
export function decodeUnverified(value: Buffer | undefined, id: ChunkId): Chunk {
  if (value === undefined) throw corrupt(id, 'is missing');
  if (value.length !== CHUNK_HEADER_BYTES + checksumBytes(id.lengthBytes) + id.lengthBytes) {
    throw corrupt(id, 'has another length');
  }
  if (value.readUInt32BE(4) !== MAGIC || value.readUInt16BE(8) !== VERSION) {
    throw corrupt(id, 'has an unknown form');
  }
  const isThis =
    readUint64(value, 12) === id.blockId &&
    readUint64(value, 20) === id.generationStamp &&
    readUint64(value, 28) === id.offsetBytes &&
    value.readUInt32BE(36) === id.lengthBytes;
  if (!isThis) throw corrupt(id, 'belongs to another place');
  const dataAt = value.length - id.lengthBytes;
  return {
    offsetBytes: id.offsetBytes,
    checksums: value.subarray(CHUNK_HEADER_BYTES, dataAt),
    data: value.subarray(dataAt),
  };
}

/** Whether the checksums are those of the data, each 512 bytes on their own. */
export function checksumsMatch(chunk: Chunk): boolean {
  for (let at = 0, check = 0; at < chunk.data.length; at += BYTES_PER_CHECKSUM, check += 4) {
    const run = chunk.data.subarray(at, at + BYTES_PER_CHECKSUM);
    if (crc32c(run) !== chunk.checksums.readUInt32BE(check)) return false;
  }
  return true;
}

/**
 * The part of a chunk in [fromBytes, toBytes) of the block; `from` on a multiple of 512 of the chunk's own. When `to`
 * cuts through 512 bytes, their checksum is computed anew: the caller has verified the value.
 */
export function clipChunk(chunk: Chunk, fromBytes: number, toBytes: number): Chunk {
  const start = fromBytes - chunk.offsetBytes;
  const end = toBytes - chunk.offsetBytes;
  if (start === 0 && end === chunk.data.length) return chunk;
  const data = chunk.data.subarray(start, end);
  const firstCheck = (start / BYTES_PER_CHECKSUM) * 4;
  const checksums = chunk.checksums.subarray(firstCheck, firstCheck + checksumBytes(data.length));
  const tail = data.length % BYTES_PER_CHECKSUM;
  if (tail === 0 || end === chunk.data.length) return { offsetBytes: fromBytes, data, checksums };
  const renewed = Buffer.from(checksums);
  renewed.writeUInt32BE(crc32c(data.subarray(data.length - tail)), renewed.length - 4);
  return { offsetBytes: fromBytes, data, checksums: renewed };
}

function corrupt(id: ChunkId, what: string): QuarryError {
  return new QuarryError(
    'BLOCK_CORRUPT',
    `block ${id.blockId} is damaged on this node: the chunk at ${id.offsetBytes} ${what}; read another replica`,
    { details: { blockId: id.blockId, offsetBytes: id.offsetBytes } },
  );
}
