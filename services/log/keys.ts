/**
 * The log's records in its database. `B` a batch, `I` what is known of a batch without reading it: both by topic id,
 * partition and the batch's LAST offset, so that the batch that holds an offset is the first one at or after it.
 * `T` topics by name, `S` starts of partitions, `P` producers, `X` transactional producers.
 */
export type BatchKind = 'B' | 'I';

export function batchKey(kind: BatchKind, topicId: number, partition: number, lastOffset: number): Buffer {
  const key = Buffer.allocUnsafe(17);
  key.write(kind, 0, 'latin1');
  key.writeUInt32BE(topicId, 1);
  key.writeUInt32BE(partition, 5);
  key.writeBigUInt64BE(BigInt(lastOffset), 9);
  return key;
}

export function lastOffsetOf(key: Buffer): number {
  return Number(key.readBigUInt64BE(9));
}

export function startKey(topicId: number, partition: number): Buffer {
  const key = Buffer.allocUnsafe(9);
  key.write('S', 0, 'latin1');
  key.writeUInt32BE(topicId, 1);
  key.writeUInt32BE(partition, 5);
  return key;
}

export function namedKey(kind: 'T' | 'P' | 'X', name: string): Buffer {
  return Buffer.from(`${kind}${name}`);
}

/** All keys of a kind. */
export function kindRange(kind: 'T' | 'P' | 'X'): { gte: Buffer; lt: Buffer } {
  return { gte: Buffer.from(kind), lt: Buffer.from(String.fromCharCode(kind.charCodeAt(0) + 1)) };
}

/** One batch without its records. */
export interface IndexEntry {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly maxTimestampMs: number;
  /** The highest timestamp in the partition up to this batch: it never falls, so a time is found by bisection. */
  readonly highestMs: number;
  readonly appendedMs: number;
  readonly bytes: number;
}

export function encodeEntry(entry: IndexEntry): Buffer {
  const value = Buffer.allocUnsafe(36);
  value.writeDoubleLE(entry.baseOffset, 0);
  value.writeDoubleLE(entry.maxTimestampMs, 8);
  value.writeDoubleLE(entry.highestMs, 16);
  value.writeDoubleLE(entry.appendedMs, 24);
  value.writeUInt32LE(entry.bytes, 32);
  return value;
}

export function decodeEntry(key: Buffer, value: Buffer): IndexEntry {
  return {
    baseOffset: value.readDoubleLE(0),
    lastOffset: lastOffsetOf(key),
    maxTimestampMs: value.readDoubleLE(8),
    highestMs: value.readDoubleLE(16),
    appendedMs: value.readDoubleLE(24),
    bytes: value.readUInt32LE(32),
  };
}
