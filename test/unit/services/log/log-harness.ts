import { MemoryLevel } from 'memory-level';
import type { LevelStore, Store } from '../../../../common/seams/disk.ts';
import { SystemClock } from '../../../../common/seams/clock.ts';
import { encodeStoredBatch } from '../../../../log/embedded/stored-batch.ts';
import type { RecordInput } from '../../../../log/log.ts';
import { LogService } from '../../../../services/log/log-service.ts';
import { decodeStored, verifyStored } from '../../../../log/embedded/stored-batch.ts';
import { ColumnBuilder } from '../../../../log/column-builder.ts';

/** A store in memory. It outlives the services that are opened on it. */
export function memoryStore(): Store {
  const db = new MemoryLevel<Buffer, Buffer>({ keyEncoding: 'buffer', valueEncoding: 'buffer' });
  return { db: db as unknown as LevelStore, syncLogs: async () => undefined, close: async () => undefined };
}

/** The log on `store`, at a time that the test sets. */
export async function openService(
  store: Store,
  time: { nowMs: number } = { nowMs: 1_000 },
): Promise<LogService> {
  const clock = new SystemClock();
  clock.nowMs = () => time.nowMs;
  const abort = (reason: string, cause?: unknown): never => {
    throw new Error(reason, { cause });
  };
  return LogService.open(store, { clock, proc: { pid: 1, abort } });
}

export function batchOf(
  topic: string,
  values: readonly (readonly [string | null, string | null, number])[],
  partition = 0,
) {
  const records: RecordInput[] = values.map(([key, value, timestampMs]) => ({
    topic,
    key: key === null ? null : Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
    timestampMs,
  }));
  return { topic, partition, bytes: encodeStoredBatch(records) };
}

export async function readPartition(
  service: LogService,
  topic: string,
  from?: number,
): Promise<ColumnBuilder> {
  const { partitions } = service.describe(topic);
  const columns = new ColumnBuilder();
  for (let offset = from ?? partitions[0]!.earliest; offset < partitions[0]!.latest; ) {
    const request = { topic, partition: 0, offset, maxBytes: 100_000, maxWaitMs: 0 };
    const { batches, nextOffset, topicId } = await service.fetch(request, new AbortController().signal);
    for (const bytes of batches) {
      verifyStored(bytes, { topicId, partition: 0 }, topic);
      decodeStored(bytes, columns, { from: offset, until: partitions[0]!.latest });
    }
    offset = nextOffset;
  }
  return columns;
}
