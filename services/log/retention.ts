import type { ClassicLevel } from 'classic-level';
import { batchKey, decodeEntry, startKey } from './keys.ts';
import type { Write } from './commands.ts';
import type { LogService } from './log-service.ts';
import type { Place } from './stored-log.ts';

/** Batches deleted in one write. */
const PAGE = 1_000;
/** Deleted bytes from which on space is reclaimed: two of LevelDB's files. */
const RECLAIM_BYTES = 64 * 1024 * 1024;

/**
 * Deletes the oldest batches of a partition: those appended longer ago than the topic keeps records, and those beyond its
 * bytes. Answers how many bytes. Readers of what is deleted get OFFSET_OUT_OF_RANGE.
 */
export async function applyRetention(service: LogService, place: Place, nowMs: number): Promise<number> {
  const { topic, number, partition } = place;
  const { retentionMs, retentionBytes } = topic.spec;
  if (topic.spec.compacted === true || (retentionMs === undefined && retentionBytes === undefined)) return 0;
  const appendedBefore = retentionMs === undefined ? Number.NEGATIVE_INFINITY : nowMs - retentionMs;
  const { db } = service.store;
  let freed = 0;
  for (;;) {
    const writes: Write[] = [];
    let { start } = partition;
    let bytes = 0;
    let highestMs = partition.deletedHighestMs;
    const range = {
      gte: batchKey('I', topic.id, number, start),
      lt: batchKey('I', topic.id, number, partition.readable),
    };
    for await (const [key, value] of db.iterator({ ...range, limit: PAGE })) {
      const entry = decodeEntry(key, value);
      const tooOld = entry.appendedMs < appendedBefore;
      const tooMuch = retentionBytes !== undefined && partition.bytes - bytes - entry.bytes >= retentionBytes;
      if (!tooOld && !tooMuch) break;
      writes.push({ key, value: undefined });
      writes.push({ key: batchKey('B', topic.id, number, entry.lastOffset), value: undefined });
      start = entry.lastOffset + 1;
      bytes += entry.bytes;
      highestMs = entry.highestMs;
    }
    if (writes.length === 0) break;
    const kept = { start, next: partition.next, highestMs };
    writes.push({ key: startKey(topic.id, number), value: Buffer.from(JSON.stringify(kept)) });
    partition.start = start;
    partition.bytes -= bytes;
    partition.deletedHighestMs = highestMs;
    await service.durable(writes);
    freed += bytes;
  }
  if (freed >= RECLAIM_BYTES) await reclaim(service, place);
  return freed;
}

/** LevelDB gives space back when it rewrites the range, and it has no reason of its own to rewrite what is only deleted. */
async function reclaim(service: LogService, { topic, number, partition }: Place): Promise<void> {
  const db = service.store.db as Partial<Pick<ClassicLevel<Buffer, Buffer>, 'compactRange'>>;
  const end = batchKey('B', topic.id, number, partition.start);
  await db.compactRange?.(batchKey('B', topic.id, number, 0), end, { keyEncoding: 'buffer' });
}
