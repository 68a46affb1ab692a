import { ColumnBuilder } from '../../log/column-builder.ts';
import {
  decodeStored,
  encodeStoredBatch,
  placeBatch,
  storedHead,
  verifyStored,
} from '../../log/embedded/stored-batch.ts';
import type { RecordInput } from '../../log/log.ts';
import type { Write } from './commands.ts';
import { batchKey, decodeEntry, encodeEntry } from './keys.ts';
import type { LogService } from './log-service.ts';
import type { Place } from './stored-log.ts';

/** Keys remembered in one run; those beyond wait for the next one. */
const KEYS_MAX = 1_000_000;

/** What is known of a compacted partition since the process started. */
export interface Compacted {
  /** Up to where the last run has looked. */
  readonly until: number;
}

interface Run {
  readonly place: Place;
  /** The newest offset of each key below `until`. */
  readonly newest: ReadonlyMap<string, number>;
  readonly until: number;
  readonly tombstonesBefore: number;
}

/**
 * Drops the records of a compacted partition that a newer one of the same key follows, and tombstones that are older than
 * `tombstoneRetentionMs`. Offsets stay; a batch is replaced by a thinner one in one write, so a crash between two of them
 * leaves a log that reads the same.
 */
export async function compact(
  service: LogService,
  place: Place,
  times: { nowMs: number; tombstoneRetentionMs: number },
): Promise<Compacted> {
  const { newest, until } = await newestOffsets(service, place);
  const run = { place, newest, until, tombstonesBefore: times.nowMs - times.tombstoneRetentionMs };
  const { topic, number } = place;
  const range = { gte: batchKey('B', topic.id, number, 0), lt: batchKey('B', topic.id, number, until) };
  for await (const [key, bytes] of service.store.db.iterator(range)) {
    const writes = await thinned(service, run, key, bytes);
    if (writes.length > 0) await service.durable(writes);
  }
  return { until };
}

async function newestOffsets(service: LogService, place: Place): Promise<Pick<Run, 'newest' | 'until'>> {
  const { topic, number, partition } = place;
  const newest = new Map<string, number>();
  let until = partition.start;
  const range = {
    gte: batchKey('B', topic.id, number, 0),
    lt: batchKey('B', topic.id, number, partition.readable),
  };
  for await (const [, bytes] of service.store.db.iterator(range)) {
    const columns = decoded(bytes, place);
    columns.keys.forEach(
      (key, index) => key !== null && newest.set(key.toString('latin1'), columns.offsets[index]!),
    );
    until = storedHead(bytes).lastOffset + 1;
    if (newest.size > KEYS_MAX) break;
  }
  return { newest, until };
}

async function thinned(service: LogService, run: Run, key: Buffer, bytes: Buffer): Promise<Write[]> {
  const { topic, number, partition } = run.place;
  const head = storedHead(bytes);
  const columns = decoded(bytes, run.place);
  const old = head.appendedMs < run.tombstonesBefore;
  const kept: RecordInput[] = [];
  const deltas: number[] = [];
  columns.offsets.forEach((offset, index) => {
    const recordKey = columns.keys[index]!;
    const value = columns.values[index]!;
    const superseded = recordKey !== null && run.newest.get(recordKey.toString('latin1')) !== offset;
    if (superseded || (value === null && old)) return;
    kept.push({ topic: topic.name, key: recordKey, value, timestampMs: columns.timestampsMs[index]! });
    deltas.push(offset - head.baseOffset);
  });
  if (kept.length === head.count) return [];
  const indexKey = batchKey('I', topic.id, number, head.lastOffset);
  const entry = await service.store.db.get(indexKey);
  if (entry === undefined) return [];
  const known = decodeEntry(indexKey, entry);
  // The last batch stays, empty if need be: it says where the partition ends.
  if (kept.length === 0 && head.lastOffset + 1 < partition.next) {
    partition.bytes -= known.bytes;
    return [
      { key, value: undefined },
      { key: indexKey, value: undefined },
    ];
  }
  const thin = encodeStoredBatch(kept, deltas);
  const { baseOffset, lastOffset, appendedMs } = head;
  placeBatch(thin, { topicId: topic.id, partition: number }, { baseOffset, lastOffset, appendedMs });
  partition.bytes += thin.length - known.bytes;
  const { maxTimestampMs } = storedHead(thin);
  return [
    { key, value: thin },
    { key: indexKey, value: encodeEntry({ ...known, maxTimestampMs, bytes: thin.length }) },
  ];
}

function decoded(bytes: Buffer, place: Place): ColumnBuilder {
  verifyStored(bytes, { topicId: place.topic.id, partition: place.number }, place.topic.name);
  const columns = new ColumnBuilder();
  decodeStored(bytes, columns, { from: 0, until: Number.POSITIVE_INFINITY });
  return columns;
}
