import { QuarryError } from '../../../../common/quarry-error.ts';
import type {
  Log,
  LogSink,
  LogSource,
  OffsetRange,
  RecordBatch,
  RecordInput,
  TransactionalProducer,
} from '../../../../log/log.ts';

/** A log in memory, whose commits a test can make fail before or after they took effect. */
export class MemoryLog implements Log {
  /** Records by partition. */
  readonly topics = new Map<string, RecordInput[][]>();
  readonly #epochs = new Map<string, number>();
  /** Takes the next commits' fates; `lost-answer` commits and then fails. */
  readonly fates: ('fails' | 'lost-answer')[] = [];

  readonly sink: LogSink = {
    createTopic: async (topic, { partitions }) => {
      const there = this.topics.get(topic)?.length;
      if (there !== undefined && there !== partitions)
        throw new QuarryError('INVALID_ARGUMENT', `topic ${topic} exists with ${there} partitions`);
      if (there === undefined) this.addPartitions(topic, partitions);
      return there === undefined;
    },
    append: async (records) => this.#append(records),
    transactional: async (id) => this.#transactional(id),
  };

  readonly source: LogSource = {
    topics: async () => [...this.topics.keys()],
    partitionCount: async (topic) => this.#partitions(topic).length,
    earliest: async (topic) => this.#partitions(topic).map((_, partition) => ({ partition, offset: 0 })),
    latest: async (topic) =>
      this.#partitions(topic).map((records, partition) => ({ partition, offset: records.length })),
    offsetsAtTime: async (topic) => this.#partitions(topic).map((_, partition) => ({ partition, offset: 0 })),
    read: (range) => this.#read(range),
    follow: ({ topic, partition, from }, { signal }) => this.#follow({ topic, partition, from }, signal),
  };

  async close(): Promise<void> {}

  values(topic: string): string[] {
    return this.#partitions(topic).flatMap((records) => records.map(({ value }) => value?.toString() ?? ''));
  }

  /** Makes the topic where it is missing. */
  addPartitions(topic: string, count: number): void {
    const there = this.topics.get(topic) ?? [];
    this.topics.set(topic, [...there, ...Array.from({ length: count }, () => [])]);
  }

  #transactional(id: string): TransactionalProducer {
    const epoch = (this.#epochs.get(id) ?? 0) + 1;
    this.#epochs.set(id, epoch);
    return {
      commit: async (records) => {
        if (this.#epochs.get(id) !== epoch) throw new QuarryError('FENCED', `${id} was opened again`);
        const fate = this.fates.shift();
        if (fate !== 'fails') this.#append(records);
        if (fate !== undefined) throw new QuarryError('LOG_UNAVAILABLE', fate);
      },
      close: async () => undefined,
    };
  }

  #append(records: readonly RecordInput[]): void {
    for (const record of records) {
      const partitions = this.#partitions(record.topic);
      const sum = record.key?.reduce((total, byte) => total + byte, 0) ?? 0;
      partitions[record.partition ?? sum % partitions.length]!.push(record);
    }
  }

  #partitions(topic: string): RecordInput[][] {
    const partitions = this.topics.get(topic);
    if (partitions === undefined) throw new QuarryError('TOPIC_NOT_FOUND', `there is no topic ${topic}`);
    return partitions;
  }

  async *#read({ topic, partition, from, until }: OffsetRange): AsyncGenerator<RecordBatch> {
    const records = this.#partitions(topic)[partition]!.slice(from, until);
    yield {
      topic,
      partition,
      offsets: records.map((_, i) => from + i),
      timestampsMs: records.map(({ timestampMs }) => timestampMs),
      keys: records.map(({ key }) => key),
      values: records.map(({ value }) => value),
      nextOffset: until,
    };
  }

  async *#follow(
    { topic, partition, from }: { topic: string; partition: number; from: number },
    signal: AbortSignal,
  ): AsyncGenerator<RecordBatch> {
    for (let at = from; !signal.aborted; ) {
      const until = Math.min(this.#partitions(topic)[partition]!.length, at + 500);
      if (until > at) yield* this.#read({ topic, partition, from: at, until });
      else await new Promise((resolve) => setTimeout(resolve, 20));
      at = until;
    }
  }
}
