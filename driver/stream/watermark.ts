/** What is known of one partition of a watermarked source. */
export interface PartitionTime {
  /** Highest event time so far, in microseconds; undefined before the first. */
  readonly highestUs: number | undefined;
  /** Records of it have been read or wait to be read. */
  readonly hasRecords: boolean;
  /** It has nothing unread and has had nothing new for the configured time: it is not waited for. */
  readonly idle: boolean;
}

/**
 * Where the watermark of one source is: the minimum over its partitions of (highest - delay). Partitions without any record are
 * excepted, and idle ones unless all are. Undefined while a partition that counts has no event time yet.
 */
export function watermarkOf(partitions: readonly PartitionTime[], delayUs: number): number | undefined {
  const counting = partitions.filter(({ hasRecords }) => hasRecords);
  const awake = counting.filter(({ idle }) => !idle);
  const decisive = awake.length > 0 ? awake : counting;
  let lowest: number | undefined;
  for (const { highestUs } of decisive) {
    if (highestUs === undefined) return undefined;
    lowest = Math.min(lowest ?? Number.POSITIVE_INFINITY, highestUs - delayUs);
  }
  return lowest;
}

/** The query's watermark: the lowest of its sources', and never behind where it was. */
export function advance(
  before: number | undefined,
  sources: readonly (number | undefined)[],
): number | undefined {
  if (sources.length === 0 || sources.some((each) => each === undefined)) return before;
  const lowest = Math.min(...(sources as number[]));
  return before === undefined ? lowest : Math.max(before, lowest);
}
