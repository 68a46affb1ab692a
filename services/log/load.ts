import { QuarryError } from '../../common/quarry-error.ts';
import type { LevelStore } from '../../common/seams/disk.ts';
import type { TopicSpec } from '../../log/log.ts';
import { batchKey, decodeEntry, kindRange, startKey } from './keys.ts';
import {
  emptyPartition,
  emptyState,
  type LogState,
  type Partition,
  type Producer,
  type TransactionalState,
} from './log-state.ts';

/** What retention leaves of a partition: it stays known when all its batches are gone. */
export interface PartitionStart {
  readonly start: number;
  readonly next: number;
  readonly highestMs: number;
}

/**
 * The state as the database has it. Walks the index of every batch: LevelDB opens without a word when its own log has lost
 * records from the middle, and a hole in the offsets is how that shows. Errors: METADATA_DAMAGED.
 */
export async function loadState(db: LevelStore): Promise<LogState> {
  const state = emptyState();
  for await (const [key, value] of db.iterator(kindRange('T'))) {
    const name = key.toString('utf8', 1);
    const { id, spec } = JSON.parse(value.toString()) as { id: number; spec: TopicSpec };
    const partitions = Array.from({ length: spec.partitions }, emptyPartition);
    state.topics.set(name, { name, id, spec, partitions });
    state.nextTopicId = Math.max(state.nextTopicId, id + 1);
  }
  for await (const [key, value] of db.iterator(kindRange('P'))) {
    state.producers.set(key.toString('utf8', 1), JSON.parse(value.toString()) as Producer);
  }
  for await (const [key, value] of db.iterator(kindRange('X'))) {
    state.transactional.set(key.toString('utf8', 1), JSON.parse(value.toString()) as TransactionalState);
  }
  for (const topic of state.topics.values()) {
    for (const [number, partition] of topic.partitions.entries()) {
      const hole = await loadPartition(db, topic.id, number, partition);
      if (hole !== undefined && topic.spec.compacted !== true) {
        throw new QuarryError(
          'METADATA_DAMAGED',
          `${topic.name}/${number} has lost the records from offset ${hole} on: restore the log's directory from a backup`,
        );
      }
    }
  }
  return state;
}

/** Fills the partition in; the first offset that should be there and is not, or undefined. */
async function loadPartition(
  db: LevelStore,
  topicId: number,
  number: number,
  partition: Partition,
): Promise<number | undefined> {
  const kept = await db.get(startKey(topicId, number));
  if (kept !== undefined) {
    const { start, next, highestMs } = JSON.parse(kept.toString()) as PartitionStart;
    Object.assign(partition, { start, next: Math.max(start, next), highestMs, deletedHighestMs: highestMs });
  }
  let expected = partition.start;
  let hole: number | undefined;
  const range = {
    gte: batchKey('I', topicId, number, 0),
    lte: batchKey('I', topicId, number, Number.MAX_SAFE_INTEGER),
  };
  for await (const [key, value] of db.iterator(range)) {
    const entry = decodeEntry(key, value);
    if (entry.baseOffset !== expected) hole ??= expected;
    expected = entry.lastOffset + 1;
    partition.bytes += entry.bytes;
    partition.highestMs = Math.max(partition.highestMs, entry.highestMs);
  }
  partition.next = Math.max(partition.next, expected);
  partition.readable = partition.next;
  return hole;
}
