import { hasCode } from '../common/quarry-error.ts';
import type { OffsetRange, RecordBatch } from './log.ts';
import { type PartitionFetch, RangeReader } from './range-reader.ts';
import type { Retries } from './retry.ts';

type OpenFetch<Answer> = (topic: string, partition: number) => PartitionFetch<Answer>;

/** `LogSource.read` over any fetch. */
export async function* readRange<Answer>(
  open: OpenFetch<Answer>,
  range: OffsetRange,
  retries: Retries,
): AsyncGenerator<RecordBatch> {
  if (range.until <= range.from) return;
  const reader = new RangeReader(open(range.topic, range.partition), range, retries);
  try {
    yield* reader.batches();
  } finally {
    reader.close();
  }
}

/** `LogSource.follow` over any fetch. */
export async function* followFrom<Answer>(
  open: OpenFetch<Answer>,
  start: Omit<OffsetRange, 'until'>,
  retries: Retries,
): AsyncGenerator<RecordBatch> {
  try {
    yield* readRange(open, { ...start, until: Number.POSITIVE_INFINITY }, retries);
  } catch (thrown) {
    if (!(retries.signal?.aborted && hasCode(thrown, 'INTERRUPTED'))) throw thrown;
  }
}
