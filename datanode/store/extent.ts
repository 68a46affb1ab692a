import { BYTES_PER_CHECKSUM } from '../../common/checksum.ts';
import { assert } from '../../common/assert.ts';
import type { ChunkId } from './chunk-codec.ts';
import { readUint64, writeUint64 } from './uint64.ts';

/** A chunk and the part of it that counts: [fromBytes, toBytes) of the block, within the chunk. */
export interface Extent extends ChunkId {
  readonly fromBytes: number;
  readonly toBytes: number;
}

/**
 * Extents of one block, sorted, without gap or overlap, from 0 on. `from` is on a multiple of 512; `to` is too, but
 * for the last one.
 */
export type Extents = readonly Extent[];

export function extentsEnd(extents: Extents): number {
  return extents.at(-1)?.toBytes ?? 0;
}

/**
 * `extents` with a newer chunk over them: it wins where both have bytes. Only where its end cuts through 512 bytes
 * that the older data have whole do the older ones keep that run: its checksum needs all of it, and a resend has the same bytes.
 */
export function withChunk(extents: Extents, chunk: ChunkId): Extent[] {
  const end = extentsEnd(extents);
  assert(chunk.offsetBytes <= end, 'a chunk leaves a gap');
  const chunkEnd = chunk.offsetBytes + chunk.lengthBytes;
  const toBytes = chunkEnd < end ? floorToChecksum(chunkEnd) : chunkEnd;
  if (toBytes <= chunk.offsetBytes) return [...extents];
  const added: Extent = { ...chunk, fromBytes: chunk.offsetBytes, toBytes };
  const before = truncated(extents, chunk.offsetBytes);
  const after = extents
    .filter((extent) => extent.toBytes > toBytes)
    .map((extent) => (extent.fromBytes < toBytes ? { ...extent, fromBytes: toBytes } : extent));
  return [...before, added, ...after];
}

/** Cut to `lengthBytes`. */
export function truncated(extents: Extents, lengthBytes: number): Extent[] {
  return extents
    .filter((extent) => extent.fromBytes < lengthBytes)
    .map((extent) => (extent.toBytes > lengthBytes ? { ...extent, toBytes: lengthBytes } : extent));
}

/** Index of the extent that holds `offsetBytes`; the number of extents when it lies behind them. */
export function findExtent(extents: Extents, offsetBytes: number): number {
  let low = 0;
  let high = extents.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (extents[middle]!.toBytes <= offsetBytes) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function floorToChecksum(offsetBytes: number): number {
  return offsetBytes - (offsetBytes % BYTES_PER_CHECKSUM);
}

export function ceilToChecksum(offsetBytes: number): number {
  return floorToChecksum(offsetBytes + BYTES_PER_CHECKSUM - 1);
}

// seq 8, stamp 8, offset 8, length 4, from - offset 4, to - offset 4.
const ROW_BYTES = 36;

export function encodeExtents(extents: Extents): Buffer {
  const rows = Buffer.allocUnsafe(extents.length * ROW_BYTES);
  extents.forEach((extent, index) => {
    const at = index * ROW_BYTES;
    writeUint64(rows, extent.seq, at);
    writeUint64(rows, extent.generationStamp, at + 8);
    writeUint64(rows, extent.offsetBytes, at + 16);
    rows.writeUInt32BE(extent.lengthBytes, at + 24);
    rows.writeUInt32BE(extent.fromBytes - extent.offsetBytes, at + 28);
    rows.writeUInt32BE(extent.toBytes - extent.offsetBytes, at + 32);
  });
  return rows;
}

export function decodeExtents(blockId: number, rows: Buffer): Extent[] {
  const extents: Extent[] = [];
  for (let at = 0; at + ROW_BYTES <= rows.length; at += ROW_BYTES) {
    const offsetBytes = readUint64(rows, at + 16);
    extents.push({
      seq: readUint64(rows, at),
      blockId,
      generationStamp: readUint64(rows, at + 8),
      offsetBytes,
      lengthBytes: rows.readUInt32BE(at + 24),
      fromBytes: offsetBytes + rows.readUInt32BE(at + 28),
      toBytes: offsetBytes + rows.readUInt32BE(at + 32),
    });
  }
  return extents;
}
