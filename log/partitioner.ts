import { QuarryError } from '../common/quarry-error.ts';
import { PARTITIONS_MAX, RECORD_BYTES_MAX } from './limits.ts';
import type { RecordInput } from './log.ts';
import { partitionOfKey } from './murmur2.ts';

export interface PartitionRecords {
  readonly topic: string;
  readonly partition: number;
  readonly records: RecordInput[];
}

/** Bytes of a record's key, value and headers. */
export function recordBytes(record: RecordInput): number {
  let bytes = (record.key?.length ?? 0) + (record.value?.length ?? 0);
  if (record.headers !== undefined) {
    for (const { key, value } of record.headers)
      bytes += Buffer.byteLength(key) + (value?.length ?? 0) + HEADER_OVERHEAD_BYTES;
  }
  return bytes;
}

let spread = 0;

/**
 * The records by partition, in their order. Records without key and partition go to one partition a call, the next one the
 * next time. Errors: LIMIT_EXCEEDED, INVALID_ARGUMENT (a partition that is not there, a time that is none), what `countOf` throws.
 */
export async function byPartition(
  records: readonly RecordInput[],
  countOf: (topic: string) => Promise<number>,
): Promise<PartitionRecords[]> {
  const counts = new Map<string, number>();
  const groups = new Map<string, PartitionRecords[]>();
  spread = (spread + 1) & 0x3fffffff;
  for (const record of records) {
    const { topic } = record;
    let count = counts.get(topic);
    if (count === undefined) {
      count = await countOf(topic);
      counts.set(topic, count);
      groups.set(topic, []);
    }
    check(record, count);
    const partition =
      record.partition ?? (record.key === null ? spread % count : partitionOfKey(record.key, count));
    const ofTopic = groups.get(topic)!;
    (ofTopic[partition] ??= { topic, partition, records: [] }).records.push(record);
  }
  return [...groups.values()].flat().filter((group) => group !== undefined);
}

function check(record: RecordInput, partitions: number): void {
  const bytes = recordBytes(record);
  if (bytes > RECORD_BYTES_MAX) {
    throw new QuarryError(
      'LIMIT_EXCEEDED',
      `a record of ${bytes} bytes for ${record.topic}: at most ${RECORD_BYTES_MAX} fit`,
    );
  }
  const { partition, timestampMs } = record;
  if (partition !== undefined && !(Number.isInteger(partition) && partition >= 0 && partition < partitions)) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `${record.topic} has ${partitions} partitions, so none with number ${partition}`,
    );
  }
  if (!Number.isSafeInteger(timestampMs) || timestampMs < 0) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `a record's timestampMs is ${timestampMs}: it must be whole milliseconds since 1970`,
    );
  }
}

/** Cuts the records of a partition into runs of at most `bytesMax` bytes, or one record. */
export function runs(records: readonly RecordInput[], bytesMax: number): RecordInput[][] {
  const cut: RecordInput[][] = [];
  let bytes = 0;
  let from = 0;
  for (let at = 0; at < records.length; at++) {
    const size = recordBytes(records[at]!) + RECORD_OVERHEAD_BYTES;
    if (at > from && bytes + size > bytesMax) {
      cut.push(records.slice(from, at));
      from = at;
      bytes = 0;
    }
    bytes += size;
  }
  if (from < records.length) cut.push(records.slice(from));
  return cut;
}

/** More than either format adds to a record. */
const RECORD_OVERHEAD_BYTES = 24;
/** Two lengths. */
const HEADER_OVERHEAD_BYTES = 6;

const TOPIC_NAME = /^(?!\.{1,2}$)[a-zA-Z0-9._-]{1,249}$/;

/** Errors: INVALID_ARGUMENT for a name that Kafka would not take either, or no partitions. */
export function checkTopic(topic: string, partitions: number): void {
  if (!TOPIC_NAME.test(topic)) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `${JSON.stringify(topic)} is no topic name: 1 to 249 letters, digits, dots, underscores and dashes`,
    );
  }
  if (!Number.isInteger(partitions) || partitions < 1 || partitions > PARTITIONS_MAX) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `topic ${topic} with ${partitions} partitions: between 1 and ${PARTITIONS_MAX} are possible`,
    );
  }
}
