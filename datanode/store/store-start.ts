import type { Logger } from '../../common/log.ts';
import { hasCode } from '../../common/quarry-error.ts';
import { decodeChunkValue } from './chunk-codec.ts';
import { type Extent, type Extents, extentsEnd, truncated, withChunk } from './extent.ts';
import { addLive, ReplicaEntry } from './replica-entry.ts';
import type { ReplicaIndex } from './replica-index.ts';
import type { ReplicaRecord } from './replica-record.ts';
import type { Segments } from './segments.ts';

/**
 * The replicas after a start. What was being received as a copy is dropped. What was being written is cut to its
 * longest prefix that is there and verifies, and becomes RWR, durably: the chunks' keys are read from where the
 * oldest of them began, their values once. Replicas whose segment is gone are left out, so that they are healed.
 */
export async function loadReplicas(
  index: ReplicaIndex,
  segments: Segments,
  log: Logger,
): Promise<Map<number, ReplicaEntry>> {
  const records = await index.replicas();
  const entries = new Map<number, ReplicaEntry>();
  for (const [firstSeq, bytes] of await index.segments()) {
    if (segments.has(firstSeq)) segments.find(firstSeq)!.writtenBytes = bytes;
  }
  for (const record of records) {
    segments.skipTo(record.scanFromSeq);
    if (record.state === 'TEMPORARY') await index.write({ dropped: record.blockId }, false);
    else if (![...record.usage.keys()].every((firstSeq) => segments.has(firstSeq))) {
      log.error({ blockId: record.blockId }, 'replica.segment-lost');
    } else if (record.scanFromSeq === 0) entries.set(record.blockId, new ReplicaEntry(record, undefined));
  }
  const unfinished = records.filter((record) => record.state !== 'TEMPORARY' && record.scanFromSeq > 0);
  for (const entry of await recoverUnfinished(unfinished, index, segments, log)) {
    entries.set(entry.blockId, entry);
  }
  for (const entry of entries.values()) addLive(segments, entry.usage, 1);
  for (const segment of segments.all) {
    segment.writtenBytes = Math.max(segment.writtenBytes, segment.liveBytes);
  }
  return entries;
}

async function recoverUnfinished(
  records: readonly ReplicaRecord[],
  index: ReplicaIndex,
  segments: Segments,
  log: Logger,
): Promise<ReplicaEntry[]> {
  if (records.length === 0) return [];
  const found = new Map(
    records.map((record) => [record.blockId, { record, extents: index.extents(record.blockId) }]),
  );
  const oldest = records.reduce((least, { scanFromSeq }) => Math.min(least, scanFromSeq), Infinity);
  for await (const id of segments.ids(oldest)) {
    const candidate = found.get(id.blockId);
    if (candidate === undefined) continue;
    const { record, extents } = candidate;
    // Chunks of an earlier life of the block, and of a change whose record was lost, do not count.
    const counts = id.seq >= record.scanFromSeq && id.generationStamp <= record.generationStamp;
    if (counts && id.offsetBytes <= extentsEnd(extents)) candidate.extents = withChunk(extents, id);
  }
  const entries: ReplicaEntry[] = [];
  for (const { record, extents } of found.values()) {
    const valid = await validPrefix(segments, extents);
    const entry = new ReplicaEntry({ ...record, state: 'RWR', scanFromSeq: 0, usage: new Map() }, valid);
    entry.lengthBytes = extentsEnd(valid);
    entry.pendingEndBytes = entry.lengthBytes;
    if (entry.lengthBytes < record.durableLengthBytes) {
      log.error({ blockId: record.blockId, lengthBytes: entry.lengthBytes }, 'replica.durable-bytes-lost');
    }
    // Opening a database after a crash writes its log out as a synced table.
    entry.durableLengthBytes = entry.lengthBytes;
    entries.push(entry);
  }
  await segments.sync(entries.flatMap(({ extents }) => extents!.map(({ seq }) => seq)));
  for (const entry of entries) {
    entry.account(segments, entry.extents!);
    // The load below counts every entry's usage once more.
    addLive(segments, entry.usage, -1);
    const extents = { blockId: entry.blockId, extents: entry.extents! };
    await index.write({ record: entry.record, extents }, true);
    log.info({ blockId: entry.blockId, lengthBytes: entry.lengthBytes }, 'replica.waits-for-recovery');
  }
  return entries;
}

/** The extents up to the first whose chunk is missing or damaged. */
async function validPrefix(segments: Segments, extents: Extents): Promise<Extent[]> {
  for (const extent of extents) {
    try {
      decodeChunkValue(await segments.get(extent), extent);
    } catch (thrown) {
      if (!hasCode(thrown, 'BLOCK_CORRUPT')) throw thrown;
      return truncated(extents, extent.fromBytes);
    }
  }
  return [...extents];
}
