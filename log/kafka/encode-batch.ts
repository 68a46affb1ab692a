import { crc32c } from '../../common/checksum.ts';
import type { RecordHeader, RecordInput } from '../log.ts';
import { type Compression, COMPRESSIONS, compress } from './compression.ts';

export interface BatchOrigin {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly sequence: number;
  readonly transactional: boolean;
}

const NO_HEADERS: readonly RecordHeader[] = [];

const HEAD_BYTES = 61;
const TRANSACTIONAL = 0x10;

/** A record batch (magic 2) as a Produce request carries it; see record-batches.ts for the layout. */
export function encodeBatch(records: readonly RecordInput[], origin: BatchOrigin): Buffer {
  const base = records[0]!.timestampMs;
  let latest = base;
  let size = HEAD_BYTES;
  const lengths = records.map((record, index) => {
    latest = Math.max(latest, record.timestampMs);
    const length =
      1 +
      varintBytes(record.timestampMs - base) +
      varintBytes(index) +
      fieldBytes(record.key) +
      fieldBytes(record.value) +
      headersBytes(record.headers ?? NO_HEADERS);
    size += varintBytes(length) + length;
    return length;
  });
  const bytes = Buffer.allocUnsafe(size);
  bytes.fill(0, 0, 8); // base offset: the broker's to set
  bytes.writeInt32BE(size - 12, 8);
  bytes.writeInt32BE(-1, 12); // leader epoch
  bytes.writeInt8(2, 16);
  bytes.writeInt16BE(origin.transactional ? TRANSACTIONAL : 0, 21);
  bytes.writeInt32BE(records.length - 1, 23);
  bytes.writeBigInt64BE(BigInt(base), 27);
  bytes.writeBigInt64BE(BigInt(latest), 35);
  bytes.writeBigInt64BE(BigInt(origin.producerId), 43);
  bytes.writeInt16BE(origin.producerEpoch, 51);
  bytes.writeInt32BE(origin.sequence, 53);
  bytes.writeInt32BE(records.length, 57);
  let at = HEAD_BYTES;
  for (let index = 0; index < records.length; index++) {
    const record = records[index]!;
    at = writeVarint(bytes, lengths[index]!, at);
    bytes[at++] = 0; // attributes
    at = writeVarint(bytes, record.timestampMs - base, at);
    at = writeVarint(bytes, index, at);
    at = writeField(bytes, record.key, at);
    at = writeField(bytes, record.value, at);
    at = writeHeaders(bytes, record.headers ?? NO_HEADERS, at);
  }
  bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17);
  return bytes;
}

/** The same batch with its records packed; itself when that does not make it smaller. */
export async function packBatch(batch: Buffer, compression: Compression): Promise<Buffer> {
  if (compression === 'none') return batch;
  const body = await compress(compression, batch.subarray(HEAD_BYTES));
  if (HEAD_BYTES + body.length >= batch.length) return batch;
  const packed = Buffer.concat([batch.subarray(0, HEAD_BYTES), body]);
  packed.writeInt32BE(packed.length - 12, 8);
  packed.writeInt16BE(packed.readInt16BE(21) | COMPRESSIONS.indexOf(compression), 21);
  packed.writeUInt32BE(crc32c(packed.subarray(21)), 17);
  return packed;
}

function headersBytes(headers: readonly RecordHeader[]): number {
  if (headers === NO_HEADERS) return 1;
  let bytes = varintBytes(headers.length);
  for (const { key, value } of headers) {
    const length = Buffer.byteLength(key);
    bytes += varintBytes(length) + length + fieldBytes(value);
  }
  return bytes;
}

function writeHeaders(bytes: Buffer, headers: readonly RecordHeader[], from: number): number {
  let at = writeVarint(bytes, headers.length, from);
  if (headers === NO_HEADERS) return at;
  for (const { key, value } of headers)
    at = writeField(bytes, value, writeField(bytes, Buffer.from(key), at));
  return at;
}

function fieldBytes(field: Buffer | null): number {
  return field === null ? 1 : varintBytes(field.length) + field.length;
}

function writeField(bytes: Buffer, field: Buffer | null, at: number): number {
  if (field === null) return writeVarint(bytes, -1, at);
  const from = writeVarint(bytes, field.length, at);
  field.copy(bytes, from);
  return from + field.length;
}

/** Zigzag without the 32-bit operators, which timestamp deltas can leave. */
function zigzag(value: number): number {
  return value >= 0 ? value * 2 : -value * 2 - 1;
}

function varintBytes(value: number): number {
  let left = zigzag(value);
  let count = 1;
  for (; left >= 0x80; left = Math.floor(left / 128)) count++;
  return count;
}

function writeVarint(bytes: Buffer, value: number, from: number): number {
  let left = zigzag(value);
  let at = from;
  for (; left >= 0x80; left = Math.floor(left / 128)) bytes[at++] = (left % 128) | 0x80;
  bytes[at++] = left;
  return at;
}
