import { crc32c } from '../../common/checksum.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { ColumnBuilder } from '../column-builder.ts';
import type { RecordHeader } from '../log.ts';
import { decompress } from './compression.ts';
import type { AbortedTransaction } from './requests.ts';
import { readInt64 } from './wire.ts';

// Record batch, magic 2: baseOffset 8, length 4, leaderEpoch 4, magic 1, crc 4, attributes 2, lastOffsetDelta 4,
// baseTimestamp 8, maxTimestamp 8, producerId 8, producerEpoch 2, baseSequence 4, count 4, records.
const HEAD_BYTES = 61;
const LENGTH_AT = 8;
const MAGIC_AT = 16;
const CRC_AT = 17;
const ATTRIBUTES_AT = 21;
const LAST_DELTA_AT = 23;
const BASE_TIMESTAMP_AT = 27;
const MAX_TIMESTAMP_AT = 35;
const PRODUCER_ID_AT = 43;
const COUNT_AT = 57;

const COMPRESSION = 0x07;
const LOG_APPEND_TIME = 0x08;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;

export interface BatchHead {
  readonly at: number;
  readonly end: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly attributes: number;
  readonly producerId: number;
}

/** The whole batches in what a fetch brought; one that is cut short at the end is left out. Errors: LOG_UNAVAILABLE for a failed checksum (fetched again), UNSUPPORTED. */
export function batchHeads(records: Buffer): BatchHead[] {
  const heads: BatchHead[] = [];
  for (let at = 0; at + HEAD_BYTES <= records.length; ) {
    const end = at + 12 + records.readInt32BE(at + LENGTH_AT);
    if (end > records.length) break;
    const magic = records.readInt8(at + MAGIC_AT);
    if (magic !== 2) {
      throw new QuarryError(
        'UNSUPPORTED',
        `record batches of magic ${magic}: only Kafka 0.11 and newer write readable ones`,
      );
    }
    if (crc32c(records.subarray(at + ATTRIBUTES_AT, end)) !== records.readUInt32BE(at + CRC_AT)) {
      throw new QuarryError('LOG_UNAVAILABLE', 'a record batch arrived with a wrong checksum');
    }
    const baseOffset = readInt64(records, at);
    heads.push({
      at,
      end,
      baseOffset,
      lastOffset: baseOffset + records.readInt32BE(at + LAST_DELTA_AT),
      attributes: records.readInt16BE(at + ATTRIBUTES_AT),
      producerId: readInt64(records, at + PRODUCER_ID_AT),
    });
    at = end;
  }
  return heads;
}

/**
 * The batches of `heads` whose records are committed. The broker names the aborted transactions that touch what it sent: a
 * producer's batches from `firstOffset` on are dropped until the marker that ends its transaction.
 */
export function committed(
  records: Buffer,
  heads: readonly BatchHead[],
  aborted: readonly AbortedTransaction[],
): BatchHead[] {
  const pending = aborted.toSorted((a, b) => a.firstOffset - b.firstOffset);
  const aborting = new Set<number>();
  return heads.filter((head) => {
    while (pending.length > 0 && pending[0]!.firstOffset <= head.lastOffset)
      aborting.add(pending.shift()!.producerId);
    if ((head.attributes & CONTROL) !== 0) {
      if (isAbortMarker(records, head)) aborting.delete(head.producerId);
      return false;
    }
    return (head.attributes & TRANSACTIONAL) === 0 || !aborting.has(head.producerId);
  });
}

/** A control record's key is version 2 bytes, type 2 bytes: 0 abort, 1 commit. */
function isAbortMarker(records: Buffer, head: BatchHead): boolean {
  let at = head.at + HEAD_BYTES;
  for (let varints = 0; varints < 4; varints++) {
    // Length, then after the attributes' byte the timestamp and offset deltas, then the key's length.
    while (records[at]! >= 0x80) at++;
    at++;
    if (varints === 0) at++;
  }
  return records.readInt16BE(at + 2) === 0;
}

/** The compressed batches' records, by head; nothing for a batch that is not compressed. Errors: UNSUPPORTED, BAD_DATA, LIMIT_EXCEEDED. */
export async function inflated(
  records: Buffer,
  heads: readonly BatchHead[],
): Promise<ReadonlyMap<BatchHead, Buffer>> {
  const bodies = new Map<BatchHead, Buffer>();
  for (const head of heads) {
    const codec = head.attributes & COMPRESSION;
    if (codec !== 0)
      bodies.set(head, await decompress(codec, records.subarray(head.at + HEAD_BYTES, head.end)));
  }
  return bodies;
}

/** Adds the records of one batch whose offsets are in [from, until). Keys and values are slices of the batch's bytes. */
export function decodeRecords(
  records: Buffer,
  head: BatchHead,
  body: Buffer | undefined,
  into: ColumnBuilder,
  range: { readonly from: number; readonly until: number },
): void {
  const bytes = body ?? records;
  const count = records.readInt32BE(head.at + COUNT_AT);
  const appendTime = (head.attributes & LOG_APPEND_TIME) !== 0;
  const baseTimestamp = readInt64(records, head.at + (appendTime ? MAX_TIMESTAMP_AT : BASE_TIMESTAMP_AT));
  const { offsets, timestampsMs, keys, values, headers } = into;
  cursor = body === undefined ? head.at + HEAD_BYTES : 0;
  for (let index = 0; index < count; index++) {
    const length = varint(bytes);
    const end = cursor + length;
    cursor++; // attributes, unused
    const timestampDelta = varint(bytes);
    const offset = head.baseOffset + varint(bytes);
    if (offset >= range.from && offset < range.until) {
      offsets.push(offset);
      timestampsMs.push(appendTime ? baseTimestamp : baseTimestamp + timestampDelta);
      keys.push(slice(bytes));
      values.push(slice(bytes));
      headers?.push(headersAt(bytes));
    }
    cursor = end; // past headers that nobody wants
  }
}

/** Where the decoder stands: decoding runs to its end without a pause, so one cursor serves, and no object is made a field. */
let cursor = 0;

function headersAt(bytes: Buffer): RecordHeader[] {
  const headers: RecordHeader[] = [];
  for (let left = varint(bytes); left > 0; left--) {
    headers.push({ key: slice(bytes)?.toString() ?? '', value: slice(bytes) });
  }
  return headers;
}

function slice(bytes: Buffer): Buffer | null {
  const length = varint(bytes);
  if (length < 0) return null;
  const from = cursor;
  cursor += length;
  return bytes.subarray(from, cursor);
}

/** A zigzag varint of up to 64 bits (timestamp deltas), exact below 2^53. */
function varint(bytes: Buffer): number {
  let byte = bytes[cursor++]!;
  if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1);
  let value = byte & 0x7f;
  for (let shift = 7; shift < 28; shift += 7) {
    byte = bytes[cursor++]!;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return (value >>> 1) ^ -(value & 1);
  }
  // From here on bits would leave the 32 of the integer operators.
  let scale = 2 ** 28;
  do {
    byte = bytes[cursor++]!;
    value += (byte & 0x7f) * scale;
    scale *= 128;
  } while (byte >= 0x80);
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}
