import type { LevelStore } from '../../common/seams/disk.ts';
import { ColumnBuilder } from '../../log/column-builder.ts';
import { decodeStored } from '../../log/embedded/stored-batch.ts';
import { outOfRange } from '../../log/range-reader.ts';
import { batchKey, decodeEntry, type IndexEntry, lastOffsetOf } from './keys.ts';
import type { Partition, Topic } from './log-state.ts';

/** Entries of one look into the index. */
const PAGE = 1_000;

export interface Fetched {
  readonly nextOffset: number;
  readonly batches: readonly Buffer[];
}

/** One partition of a topic. */
export interface Place {
  readonly topic: Topic;
  readonly number: number;
  readonly partition: Partition;
}

/**
 * Stored batches from the one that holds `offset` on, up to `maxBytes` and at least one; none at the readable end.
 * Errors: OFFSET_OUT_OF_RANGE.
 */
export async function fetchBatches(
  db: LevelStore,
  place: Place,
  offset: number,
  maxBytes: number,
): Promise<Fetched> {
  const { topic, number, partition } = place;
  if (offset < partition.start || offset > partition.readable) throw outOfRange(topic.name, number, offset);
  const { readable } = partition;
  if (offset === readable) return { nextOffset: offset, batches: [] };
  // The bound on what one native call brings is LevelDB's own option: the common type does not know it.
  const iterator = db.iterator({
    gte: batchKey('B', topic.id, number, offset),
    lt: batchKey('B', topic.id, number, readable),
    highWaterMarkBytes: maxBytes,
  } as object);
  try {
    const batches: Buffer[] = [];
    let nextOffset = offset;
    let bytes = 0;
    for (const [key, value] of await iterator.nextv(PAGE)) {
      if (batches.length > 0 && bytes + value.length > maxBytes) return { nextOffset, batches };
      batches.push(value);
      bytes += value.length;
      nextOffset = lastOffsetOf(key) + 1;
    }
    // Retention may have passed by while the iterator was made.
    if (offset < partition.start) throw outOfRange(topic.name, number, offset);
    // Nothing more behind: compaction left a gap up to the end.
    return { nextOffset: batches.length === 0 ? readable : nextOffset, batches };
  } finally {
    await iterator.close();
  }
}

/** The first offset whose record's timestamp is at or after the time; the readable end where there is none. */
export async function offsetAtTime(db: LevelStore, place: Place, timestampMs: number): Promise<number> {
  const { topic, number, partition } = place;
  let from = partition.start;
  const end = partition.readable;
  if (timestampMs > partition.deletedHighestMs) {
    // "The highest up to here" never falls, so offsets below `low` are too early and one at `high` is not.
    let low = from;
    let high = end;
    while (low < high) {
      const entry = await entryAt(db, place, Math.floor((low + high) / 2), high);
      if (entry === undefined) high = Math.floor((low + high) / 2);
      else if (entry.highestMs >= timestampMs) {
        high = Math.min(Math.floor((low + high) / 2), entry.baseOffset);
        if (high <= low) break;
      } else low = entry.lastOffset + 1;
    }
    from = low;
  }
  // Where what was deleted is higher than the time, the index says nothing: look at each batch's own highest.
  const range = { gte: batchKey('I', topic.id, number, from), lt: batchKey('I', topic.id, number, end) };
  for await (const [key, value] of db.iterator(range)) {
    const entry = decodeEntry(key, value);
    if (entry.maxTimestampMs < timestampMs) continue;
    const found = await firstAtTime(db, place, entry, timestampMs);
    if (found !== undefined) return found;
  }
  return end;
}

async function entryAt(
  db: LevelStore,
  place: Place,
  offset: number,
  end: number,
): Promise<IndexEntry | undefined> {
  const { topic, number } = place;
  const range = {
    gte: batchKey('I', topic.id, number, offset),
    lt: batchKey('I', topic.id, number, end),
    limit: 1,
  };
  for await (const [key, value] of db.iterator(range)) return decodeEntry(key, value);
  return undefined;
}

async function firstAtTime(
  db: LevelStore,
  place: Place,
  entry: IndexEntry,
  timestampMs: number,
): Promise<number | undefined> {
  const bytes = await db.get(batchKey('B', place.topic.id, place.number, entry.lastOffset));
  if (bytes === undefined) return undefined;
  const columns = new ColumnBuilder();
  decodeStored(bytes, columns, { from: place.partition.start, until: Number.POSITIVE_INFINITY });
  const index = columns.timestampsMs.findIndex((each) => each >= timestampMs);
  return index < 0 ? undefined : columns.offsets[index];
}
