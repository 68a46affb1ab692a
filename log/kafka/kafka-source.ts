import { QuarryError } from '../../common/quarry-error.ts';
import type { LogSource, OffsetRange, PartitionOffsets, ReadOptions, RecordBatch } from '../log.ts';
import { followFrom, readRange } from '../range-source.ts';
import type { KafkaCluster } from './kafka-cluster.ts';
import { kafkaError, moved } from './kafka-error.ts';
import { KafkaFetch } from './kafka-fetch.ts';
import {
  LIST_OFFSETS,
  type ListedOffset,
  listOffsetsAnswer,
  listOffsetsRequest,
  TIMESTAMP_EARLIEST,
  TIMESTAMP_LATEST,
} from './requests.ts';

/** Reads Kafka with its own fetch requests, read_committed, without a consumer group: a read costs no join and leaves no trace. */
export class KafkaSource implements LogSource {
  readonly #cluster: KafkaCluster;

  constructor(cluster: KafkaCluster) {
    this.#cluster = cluster;
  }

  topics(): Promise<string[]> {
    return this.#cluster.retrying(() => this.#cluster.topics());
  }

  async partitionCount(topic: string): Promise<number> {
    // The count may have grown since the leaders were remembered.
    this.#cluster.forget(topic);
    const leaders = await this.#cluster.retrying(() => this.#cluster.leaders(topic));
    return leaders.size;
  }

  earliest(topic: string): Promise<PartitionOffsets[]> {
    return this.#offsets(topic, TIMESTAMP_EARLIEST);
  }

  latest(topic: string): Promise<PartitionOffsets[]> {
    return this.#offsets(topic, TIMESTAMP_LATEST);
  }

  async offsetsAtTime(topic: string, timestampMs: number): Promise<PartitionOffsets[]> {
    // Negative times mean something else to Kafka.
    const found = await this.#offsets(topic, Math.max(0, Math.ceil(timestampMs)));
    if (found.every(({ offset }) => offset >= 0)) return found;
    const latest = await this.latest(topic);
    return found.map((entry, index) => (entry.offset >= 0 ? entry : latest[index]!));
  }

  read(range: OffsetRange, options: ReadOptions = {}): AsyncIterable<RecordBatch> {
    return readRange(this.#open(options), range, this.#cluster.retries(options.signal));
  }

  follow(
    start: { readonly topic: string; readonly partition: number; readonly from: number },
    options: ReadOptions & { readonly signal: AbortSignal },
  ): AsyncIterable<RecordBatch> {
    return followFrom(this.#open(options), start, this.#cluster.retries(options.signal));
  }

  #open({ headers }: ReadOptions) {
    return (topic: string, partition: number) => new KafkaFetch(this.#cluster, { topic, partition, headers });
  }

  #offsets(topic: string, timestampMs: number): Promise<PartitionOffsets[]> {
    return this.#cluster.retrying(async () => {
      try {
        // A topic may have got more partitions: whoever plans a read learns of them here.
        this.#cluster.forget(topic);
        const leaders = await this.#cluster.leaders(topic);
        const byBroker = new Map<number, number[]>();
        for (const [partition, leader] of leaders)
          byBroker.set(leader, [...(byBroker.get(leader) ?? []), partition]);
        const answers = await Promise.all(
          [...byBroker].map(([broker, partitions]) => this.#list(topic, timestampMs, broker, partitions)),
        );
        return answers
          .flat()
          .map(({ partition, offset }) => ({ partition, offset }))
          .toSorted((a, b) => a.partition - b.partition);
      } catch (thrown) {
        this.#cluster.forget(topic);
        throw thrown;
      }
    });
  }

  async #list(
    topic: string,
    timestampMs: number,
    broker: number,
    partitions: number[],
  ): Promise<ListedOffset[]> {
    if (broker < 0) throw new QuarryError('LOG_UNAVAILABLE', `a partition of ${topic} has no leader now`);
    const connection = await this.#cluster.shared(this.#cluster.addressOf(broker));
    const body = listOffsetsRequest(topic, partitions, timestampMs);
    const listed = await connection.send(LIST_OFFSETS, body, listOffsetsAnswer);
    const failed = listed.find(({ error }) => error !== 0);
    if (failed !== undefined) throw moved(kafkaError(failed.error, `${topic}/${failed.partition}`));
    return listed;
  }
}
