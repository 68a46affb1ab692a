import { QuarryError } from '../../../common/quarry-error.ts';
import type { Log } from '../../../log/log.ts';
import { openLog } from '../../../log/open-log.ts';
import { logSettings, logUrl, offsetChoice, optionOf, topicChoice } from '../../plan/log-options.ts';
import type { LogicalPlan } from '../../plan/logical-plan.ts';
import type { SourceLeaf } from '../compile-query.ts';
import { lagMetrics, limitedEnd, type LogOffsets, rangesOf, rowsBetween } from '../offset-planning.ts';
import { countOption, flagOption } from '../stream-options.ts';
import { startingOffsets } from './starting-offsets.ts';
import type { BatchLimits, SourcePartition, StreamSource } from './stream-source.ts';

type Bounds = 'earliest' | 'latest';

/** Topics of Kafka or of the embedded log. Offsets are `{topic: {partition: offset}}`. */
export class LogStreamSource implements StreamSource {
  readonly description: string;
  readonly #log: Log;
  readonly #url: string;
  readonly #options: Readonly<Record<string, string>>;
  readonly #limit: number | undefined;
  readonly #failOnDataLoss: boolean;
  readonly #pastTheEnd: 'error' | 'latest';

  private constructor(log: Log, url: string, leaf: SourceLeaf) {
    const { options, format } = leaf;
    this.#log = log;
    this.#url = url;
    this.#options = options;
    this.#limit = countOption(options, 'maxOffsetsPerTrigger');
    this.#failOnDataLoss = flagOption(options, 'failOnDataLoss', true);
    this.#pastTheEnd = pastTheEnd(options);
    const choice = topicChoice(options);
    const what =
      choice.kind === 'subscribe'
        ? `Subscribe[${choice.topics.join(',')}]`
        : choice.kind === 'pattern'
          ? `SubscribePattern[${choice.pattern.source}]`
          : `Assign[${Object.keys(choice.partitions).join(',')}]`;
    this.description = `${format === 'kafka' ? 'KafkaV2' : 'QuarryLog'}[${what}]`;
  }

  static async open(leaf: SourceLeaf): Promise<LogStreamSource> {
    const url = logUrl(leaf.format, leaf.options);
    const settings = logSettings(leaf.options);
    return new LogStreamSource(await openLog(url, { clientId: 'quarry-driver', settings }), url, leaf);
  }

  async initial(): Promise<LogOffsets> {
    const { source } = this.#log;
    return startingOffsets(offsetChoice(this.#options, 'starting', 'latest'), {
      earliest: await this.#bounds('earliest'),
      latest: await this.#bounds('latest'),
      pastTheEnd: this.#pastTheEnd,
      offsetsAtTime: async (topic, timestampMs) => {
        const offsets = await source.offsetsAtTime(topic, timestampMs);
        return Object.fromEntries(offsets.map(({ partition, offset }) => [String(partition), offset]));
      },
    });
  }

  async latest(position: LogOffsets): Promise<LogOffsets> {
    const latest = await this.#bounds('latest');
    await this.#checkLoss(position, latest);
    return latest;
  }

  end(start: LogOffsets, latest: LogOffsets, { limited }: BatchLimits): LogOffsets {
    return limitedEnd(start, latest, limited ? this.#limit : undefined);
  }

  isEmpty(start: LogOffsets, end: LogOffsets): boolean {
    return rowsBetween(start, end) === 0 && !isBefore(end, start);
  }

  async bind(leaf: SourceLeaf, start: LogOffsets, end: LogOffsets): Promise<LogicalPlan> {
    let from = start;
    if (!this.#failOnDataLoss) {
      // What is no longer kept is passed over, as the user has asked.
      const earliest = await this.#bounds('earliest');
      from = mapOffsets(end, (topic, partition) =>
        Math.max(start[topic]?.[partition] ?? 0, earliest[topic]?.[partition] ?? 0),
      );
    }
    const ranges = rangesOf(from, end).filter((range) => range.until > range.from);
    const { output, json, sourceId } = leaf;
    return {
      kind: 'log-scan',
      output,
      url: this.#url,
      settings: logSettings(this.#options),
      ranges,
      ...(json === undefined ? {} : { json }),
      ...(sourceId === undefined ? {} : { sourceId }),
    };
  }

  rows(): undefined {
    return undefined;
  }

  metrics(end: LogOffsets, latest: LogOffsets): Record<string, string> {
    return lagMetrics(end, latest);
  }

  partitions(end: LogOffsets, latest: LogOffsets): SourcePartition[] {
    return rangesOf(end, latest).map(({ topic, partition, from, until }) => ({
      key: `${topic}/${partition}`,
      hasRecords: until > 0,
      hasUnread: until > from,
    }));
  }

  async committed(): Promise<void> {
    // Nothing of a log is the query's to remove.
  }

  async close(): Promise<void> {
    await this.#log.close();
  }

  async #topics(): Promise<string[]> {
    const choice = topicChoice(this.#options);
    if (choice.kind === 'subscribe') return [...choice.topics];
    if (choice.kind === 'assign') return Object.keys(choice.partitions);
    return (await this.#log.source.topics()).filter((topic) => choice.pattern.test(topic)).toSorted();
  }

  async #bounds(which: Bounds): Promise<LogOffsets> {
    const choice = topicChoice(this.#options);
    const bounds: Record<string, Record<string, number>> = {};
    for (const topic of await this.#topics()) {
      const wanted = choice.kind === 'assign' ? choice.partitions[topic] : undefined;
      const offsets = await this.#log.source[which](topic);
      const absent = wanted?.find((each) => !offsets.some(({ partition }) => partition === each));
      if (absent !== undefined) {
        throw new QuarryError(
          'INVALID_ARGUMENT',
          `option assign: topic ${topic} has no partition ${absent}, it has ${offsets.length}`,
        );
      }
      bounds[topic] = Object.fromEntries(
        offsets
          .filter(({ partition }) => wanted === undefined || wanted.includes(partition))
          .map(({ partition, offset }) => [String(partition), offset]),
      );
    }
    return bounds;
  }

  async #checkLoss(position: LogOffsets, latest: LogOffsets): Promise<void> {
    if (!this.#failOnDataLoss) return;
    for (const [topic, partitions] of Object.entries(position)) {
      for (const [partition, offset] of Object.entries(partitions)) {
        const until = latest[topic]?.[partition];
        if (until === undefined || until < offset) {
          throw new QuarryError(
            'OFFSET_OUT_OF_RANGE',
            `${topic}/${partition} ends at ${until ?? 'nothing'}, before offset ${offset} that the query has read up to: the topic was made anew or has lost records. Set failOnDataLoss to false to go on, or start from a new checkpoint`,
          );
        }
      }
    }
  }
}

/** A topic that was made anew ends before where the query is: a batch without rows takes the query back there. */
function isBefore(end: LogOffsets, start: LogOffsets): boolean {
  return Object.entries(end).some(([topic, partitions]) =>
    Object.entries(partitions).some(([partition, offset]) => offset < (start[topic]?.[partition] ?? 0)),
  );
}

function pastTheEnd(options: Readonly<Record<string, string>>): 'error' | 'latest' {
  const text = optionOf(options, 'startingOffsetsByTimestampStrategy')?.toLowerCase() ?? 'error';
  if (text === 'error' || text === 'latest') return text;
  throw new QuarryError(
    'INVALID_ARGUMENT',
    `option startingOffsetsByTimestampStrategy is error or latest, not ${text}`,
  );
}

function mapOffsets(
  offsets: LogOffsets,
  map: (topic: string, partition: string) => number,
): Record<string, Record<string, number>> {
  return Object.fromEntries(
    Object.entries(offsets).map(([topic, partitions]) => [
      topic,
      Object.fromEntries(Object.keys(partitions).map((partition) => [partition, map(topic, partition)])),
    ]),
  );
}
