import { crc32c } from '../../common/checksum.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { ColumnBuilder } from '../column-builder.ts';
import type { RecordInput } from '../log.ts';

/**
 * A batch as it is sent, stored and read back, little-endian. The producer makes it; the log fills in where it stands. The
 * head's checksum covers the partition too, so a batch that turns up in another place is as wrong as a damaged one.
 *
 *  0 crc of bytes 4-48, topic id and partition   4 crc of the body   8 magic   9 flags   10 zero   12 count   16 base offset
 * 24 offset of the last record less the base     28 zero   32 highest timestamp   40 when it was appended
 * body: [offset deltas u32, when compacted], timestamps f64, key lengths i32, value lengths i32 (-1: null), keys, values
 */
export const HEAD_BYTES = 48;
const MAGIC = 1;
const SPARSE = 1;

export interface BatchPlace {
  readonly topicId: number;
  readonly partition: number;
}

export interface BatchHead {
  readonly count: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly maxTimestampMs: number;
  readonly appendedMs: number;
}

/** Offsets are needed for a batch with gaps only: one that compaction has thinned out. */
export function encodeStoredBatch(records: readonly RecordInput[], offsetDeltas?: readonly number[]): Buffer {
  const count = records.length;
  const keyBytes = records.reduce((sum, { key }) => sum + (key?.length ?? 0), 0);
  const valueBytes = records.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
  const columns = HEAD_BYTES + (offsetDeltas === undefined ? 0 : 4 * count);
  const bytes = Buffer.allocUnsafe(columns + 16 * count + keyBytes + valueBytes);
  bytes.fill(0, 0, HEAD_BYTES);
  offsetDeltas?.forEach((delta, index) => bytes.writeUInt32LE(delta, HEAD_BYTES + 4 * index));
  const lengthsAt = columns + 8 * count;
  let keyAt = lengthsAt + 8 * count;
  let valueAt = keyAt + keyBytes;
  let maxTimestampMs = 0;
  for (let index = 0; index < count; index++) {
    const { key, value, timestampMs } = records[index]!;
    maxTimestampMs = Math.max(maxTimestampMs, timestampMs);
    bytes.writeDoubleLE(timestampMs, columns + 8 * index);
    bytes.writeInt32LE(key?.length ?? -1, lengthsAt + 4 * index);
    bytes.writeInt32LE(value?.length ?? -1, lengthsAt + 4 * (count + index));
    if (key !== null) keyAt += key.copy(bytes, keyAt);
    if (value !== null) valueAt += value.copy(bytes, valueAt);
  }
  bytes.writeUInt32LE(crc32c(bytes.subarray(HEAD_BYTES)), 4);
  bytes[8] = MAGIC;
  bytes[9] = offsetDeltas === undefined ? 0 : SPARSE;
  bytes.writeUInt32LE(count, 12);
  bytes.writeUInt32LE(Math.max(0, count - 1), 24);
  bytes.writeDoubleLE(maxTimestampMs, 32);
  return bytes;
}

/** Fills in, in place, what the log decides. */
export function placeBatch(
  bytes: Buffer,
  place: BatchPlace,
  set: { readonly baseOffset: number; readonly lastOffset: number; readonly appendedMs: number },
): void {
  bytes.writeDoubleLE(set.baseOffset, 16);
  bytes.writeUInt32LE(set.lastOffset - set.baseOffset, 24);
  bytes.writeDoubleLE(set.appendedMs, 40);
  bytes.writeUInt32LE(headChecksum(bytes, place), 0);
}

export function storedHead(bytes: Buffer): BatchHead {
  const baseOffset = bytes.readDoubleLE(16);
  return {
    count: bytes.readUInt32LE(12),
    baseOffset,
    lastOffset: baseOffset + bytes.readUInt32LE(24),
    maxTimestampMs: bytes.readDoubleLE(32),
    appendedMs: bytes.readDoubleLE(40),
  };
}

/** Whether the body is what its producer sent. */
export function bodyIsIntact(bytes: Buffer): boolean {
  return (
    bytes.length >= HEAD_BYTES &&
    bytes[8] === MAGIC &&
    crc32c(bytes.subarray(HEAD_BYTES)) === bytes.readUInt32LE(4)
  );
}

/** Errors: METADATA_DAMAGED: neither the head nor the body may differ in a bit from what was stored for this place. */
export function verifyStored(bytes: Buffer, place: BatchPlace, topic: string): void {
  if (bodyIsIntact(bytes) && headChecksum(bytes, place) === bytes.readUInt32LE(0)) return;
  throw new QuarryError(
    'METADATA_DAMAGED',
    `a stored batch of ${topic}/${place.partition} is damaged: restore the log's directory, or read on from a later offset`,
  );
}

/** Adds the records whose offsets are in [from, until). Keys and values are slices of `bytes`. */
export function decodeStored(
  bytes: Buffer,
  into: ColumnBuilder,
  range: { readonly from: number; readonly until: number },
): void {
  const { count, baseOffset } = storedHead(bytes);
  const sparse = (bytes[9]! & SPARSE) !== 0;
  const columns = HEAD_BYTES + (sparse ? 4 * count : 0);
  const keyLengths = columns + 8 * count;
  const valueLengths = keyLengths + 4 * count;
  let keyAt = valueLengths + 4 * count;
  let valueAt = keyAt;
  for (let at = keyLengths; at < valueLengths; at += 4) valueAt += Math.max(0, bytes.readInt32LE(at));
  for (let index = 0; index < count; index++) {
    const offset = baseOffset + (sparse ? bytes.readUInt32LE(HEAD_BYTES + 4 * index) : index);
    const keyLength = bytes.readInt32LE(keyLengths + 4 * index);
    const valueLength = bytes.readInt32LE(valueLengths + 4 * index);
    const keyEnd = keyAt + Math.max(0, keyLength);
    const valueEnd = valueAt + Math.max(0, valueLength);
    if (offset >= range.from && offset < range.until) {
      into.offsets.push(offset);
      into.timestampsMs.push(bytes.readDoubleLE(columns + 8 * index));
      into.keys.push(keyLength < 0 ? null : bytes.subarray(keyAt, keyEnd));
      into.values.push(valueLength < 0 ? null : bytes.subarray(valueAt, valueEnd));
    }
    keyAt = keyEnd;
    valueAt = valueEnd;
  }
}

function headChecksum(bytes: Buffer, place: BatchPlace): number {
  const identity = Buffer.allocUnsafe(8);
  identity.writeUInt32LE(place.topicId, 0);
  identity.writeUInt32LE(place.partition, 4);
  return crc32c(identity, crc32c(bytes.subarray(4, HEAD_BYTES)));
}
