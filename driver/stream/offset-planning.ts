/** Offsets of a log by topic and partition, as JSON has them. */
export type LogOffsets = Readonly<Record<string, Readonly<Record<string, number>>>>;

export interface PartitionRange {
  readonly topic: string;
  readonly partition: number;
  readonly from: number;
  readonly until: number;
}

/** Every partition that `end` names, in order; one that `start` does not know begins at 0. */
export function rangesOf(start: LogOffsets, end: LogOffsets): PartitionRange[] {
  return Object.entries(end)
    .flatMap(([topic, partitions]) =>
      Object.entries(partitions).map(([partition, until]) => ({
        topic,
        partition: Number(partition),
        from: Math.min(start[topic]?.[partition] ?? 0, until),
        until,
      })),
    )
    .toSorted((a, b) => (a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : a.partition - b.partition));
}

export function rowsBetween(start: LogOffsets, end: LogOffsets): number {
  return rangesOf(start, end).reduce((sum, { from, until }) => sum + until - from, 0);
}

/**
 * The end of a batch of at most `limit` offsets: each partition's share is in proportion to what it has unread, and at least one
 * where it has any, so that none is starved.
 */
export function limitedEnd(start: LogOffsets, latest: LogOffsets, limit: number | undefined): LogOffsets {
  const ranges = rangesOf(start, latest);
  const total = ranges.reduce((sum, { from, until }) => sum + until - from, 0);
  if (limit === undefined || total <= limit) return latest;
  const end: Record<string, Record<string, number>> = {};
  for (const { topic, partition, from, until } of ranges) {
    const unread = until - from;
    const share = unread === 0 ? 0 : Math.min(unread, Math.max(1, Math.floor((unread * limit) / total)));
    (end[topic] ??= {})[String(partition)] = from + share;
  }
  return end;
}

/** Metrics of a source as Spark names them. */
export function lagMetrics(end: LogOffsets, latest: LogOffsets): Record<string, string> {
  const behind = rangesOf(end, latest).map(({ from, until }) => until - from);
  if (behind.length === 0) return {};
  const sum = behind.reduce((all, each) => all + each, 0);
  return {
    minOffsetsBehindLatest: String(Math.min(...behind)),
    maxOffsetsBehindLatest: String(Math.max(...behind)),
    avgOffsetsBehindLatest: String(sum / behind.length),
  };
}
