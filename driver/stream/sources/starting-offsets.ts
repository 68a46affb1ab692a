import { QuarryError } from '../../../common/quarry-error.ts';
import type { OffsetChoice } from '../../plan/log-options.ts';
import type { LogOffsets } from '../offset-planning.ts';

/** What a log has when a query starts for the first time. */
export interface LogBounds {
  readonly earliest: LogOffsets;
  readonly latest: LogOffsets;
  /** By partition: the first offset at or after a time, or the end of the partition. */
  offsetsAtTime(topic: string, timestampMs: number): Promise<Readonly<Record<string, number>>>;
  /** What a time after a partition's last record means. */
  readonly pastTheEnd: 'error' | 'latest';
}

type ByPartition = Readonly<Record<string, Readonly<Record<string, number>>>>;

const EARLIEST = -2;
const LATEST = -1;

/** Errors: INVALID_ARGUMENT for partitions that are not there or not named, and times that no record has reached. */
export async function startingOffsets(choice: OffsetChoice, bounds: LogBounds): Promise<LogOffsets> {
  const { earliest, latest } = bounds;
  switch (choice.kind) {
    case 'earliest':
    case 'latest':
      return bounds[choice.kind];
    case 'offsets':
      checkNamed('startingOffsets', choice.offsets, earliest);
      return mapped(choice.offsets, (topic, partition, offset) => {
        if (offset === EARLIEST) return earliest[topic]![partition]!;
        return offset === LATEST ? latest[topic]![partition]! : offset;
      });
    case 'time':
      return atTimes(
        mapped(earliest, () => choice.timestampMs),
        bounds,
      );
    case 'times':
      checkNamed('startingOffsetsByTimestamp', choice.times, earliest);
      return atTimes(choice.times, bounds);
  }
}

async function atTimes(times: ByPartition, bounds: LogBounds): Promise<LogOffsets> {
  const found: Record<string, Record<string, number>> = {};
  for (const [topic, partitions] of Object.entries(times)) {
    for (const [partition, timestampMs] of Object.entries(partitions)) {
      const end = bounds.latest[topic]![partition]!;
      const offset = (await bounds.offsetsAtTime(topic, timestampMs))[partition] ?? end;
      if (offset >= end && bounds.pastTheEnd === 'error') {
        throw new QuarryError(
          'INVALID_ARGUMENT',
          `No offset matched from request of topic-partition ${topic}-${partition} and timestamp ${timestampMs}: set startingOffsetsByTimestampStrategy to latest to begin at its end`,
        );
      }
      (found[topic] ??= {})[partition] = offset;
    }
  }
  return found;
}

/** Which partition begins where must be said of each, and of no other. */
function checkNamed(option: string, given: ByPartition, there: LogOffsets): void {
  const names = (offsets: ByPartition) =>
    Object.entries(offsets).flatMap(([topic, partitions]) =>
      Object.keys(partitions).map((partition) => `${topic}-${partition}`),
    );
  const [wanted, known] = [new Set(names(given)), new Set(names(there))];
  const missing = [...known].filter((name) => !wanted.has(name));
  const unknown = [...wanted].filter((name) => !known.has(name));
  if (missing.length === 0 && unknown.length === 0) return;
  const wrong = [
    ...(missing.length === 0 ? [] : [`${missing.join(', ')} not named`]),
    ...(unknown.length === 0 ? [] : [`${unknown.join(', ')} not there`]),
  ];
  throw new QuarryError(
    'INVALID_ARGUMENT',
    `If ${option} contains specific offsets, you must specify all TopicPartitions. Use -1 for latest, -2 for earliest: ${wrong.join('; ')}`,
  );
}

function mapped(
  offsets: ByPartition,
  map: (topic: string, partition: string, value: number) => number,
): Record<string, Record<string, number>> {
  return Object.fromEntries(
    Object.entries(offsets).map(([topic, partitions]) => [
      topic,
      Object.fromEntries(
        Object.entries(partitions).map(([partition, value]) => [partition, map(topic, partition, value)]),
      ),
    ]),
  );
}
