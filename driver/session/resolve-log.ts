import { assert } from '../../common/assert.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { Log, LogSource, PartitionOffsets } from '../../log/log.ts';
import type { OpenLogOptions } from '../../log/open-log.ts';
import type { LogSourceOptions, ResolvedLog } from '../plan/analyzer-context.ts';
import type { LogScanRange } from '../plan/logical-plan.ts';
import {
  logSettings,
  logUrl,
  type OffsetChoice,
  offsetChoice,
  type TopicChoice,
  topicChoice,
} from '../plan/log-options.ts';

const EARLIEST = -2;
const LATEST = -1;

/**
 * The ranges that a batch read of a log covers: from `startingOffsets` (earliest unless told) to `endingOffsets` (latest unless
 * told) as they are now. Errors: TOPIC_NOT_FOUND, LOG_UNAVAILABLE, INVALID_ARGUMENT (an option, a partition that is not there).
 */
export async function resolveLog(
  { format, options }: LogSourceOptions,
  open: (url: string, options: Pick<OpenLogOptions, 'settings'>) => Promise<Log>,
): Promise<ResolvedLog> {
  const url = logUrl(format, options);
  const settings = logSettings(options);
  const choice = topicChoice(options);
  const start = offsetChoice(options, 'starting', 'earliest');
  const end = offsetChoice(options, 'ending', 'latest');
  if (start.kind === 'latest') {
    throw new QuarryError('INVALID_ARGUMENT', "starting offset can't be latest for batch queries on a log");
  }
  if (end.kind === 'earliest') {
    throw new QuarryError('INVALID_ARGUMENT', "ending offset can't be earliest for batch queries on a log");
  }
  const log = await open(url, { settings });
  try {
    const ranges: LogScanRange[] = [];
    for (const topic of await topicsOf(choice, log.source)) {
      ranges.push(...(await rangesOf(topic, log.source, { choice, start, end })));
    }
    return { url, settings, ranges };
  } finally {
    await log.close();
  }
}

async function topicsOf(choice: TopicChoice, source: LogSource): Promise<readonly string[]> {
  switch (choice.kind) {
    case 'subscribe':
      return choice.topics;
    case 'assign':
      return Object.keys(choice.partitions);
    case 'pattern':
      return (await source.topics()).filter((topic) => choice.pattern.test(topic)).toSorted();
  }
}

interface Choices {
  readonly choice: TopicChoice;
  readonly start: OffsetChoice;
  readonly end: OffsetChoice;
}

async function rangesOf(topic: string, source: LogSource, choices: Choices): Promise<LogScanRange[]> {
  const earliest = byPartition(await source.earliest(topic));
  const latest = byPartition(await source.latest(topic));
  const { choice } = choices;
  const wanted = choice.kind === 'assign' ? choice.partitions[topic]! : [...latest.keys()];
  const ends = { topic, source, earliest, latest };
  const ranges: LogScanRange[] = [];
  for (const partition of wanted) {
    if (!latest.has(partition)) {
      throw new QuarryError(
        'INVALID_ARGUMENT',
        `topic ${topic} has no partition ${partition}: it has ${latest.size}`,
      );
    }
    const from = Math.max(await offsetOf(choices.start, partition, ends), earliest.get(partition) ?? 0);
    const until = Math.min(await offsetOf(choices.end, partition, ends), latest.get(partition) ?? 0);
    if (from < until) ranges.push({ topic, partition, from, until });
  }
  return ranges;
}

interface Ends {
  readonly topic: string;
  readonly source: LogSource;
  readonly earliest: ReadonlyMap<number, number>;
  readonly latest: ReadonlyMap<number, number>;
}

async function offsetOf(choice: OffsetChoice, partition: number, ends: Ends): Promise<number> {
  const { topic, source } = ends;
  switch (choice.kind) {
    case 'earliest':
      return known(ends.earliest, partition);
    case 'latest':
      return known(ends.latest, partition);
    case 'offsets': {
      const offset = given(choice.offsets, topic, partition);
      if (offset === EARLIEST) return known(ends.earliest, partition);
      return offset === LATEST ? known(ends.latest, partition) : offset;
    }
    case 'time':
      return known(byPartition(await source.offsetsAtTime(topic, choice.timestampMs)), partition);
    case 'times': {
      const timestampMs = given(choice.times, topic, partition);
      return known(byPartition(await source.offsetsAtTime(topic, timestampMs)), partition);
    }
  }
}

function given(
  values: Readonly<Record<string, Readonly<Record<string, number>>>>,
  topic: string,
  partition: number,
): number {
  const value = values[topic]?.[String(partition)];
  if (value === undefined) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `the offsets given do not name partition ${partition} of topic ${topic}: name every partition`,
    );
  }
  return value;
}

function known(offsets: ReadonlyMap<number, number>, partition: number): number {
  const offset = offsets.get(partition);
  assert(offset !== undefined, 'a log answers for each of its partitions');
  return offset;
}

function byPartition(offsets: readonly PartitionOffsets[]): ReadonlyMap<number, number> {
  return new Map(offsets.map(({ partition, offset }) => [partition, offset]));
}
