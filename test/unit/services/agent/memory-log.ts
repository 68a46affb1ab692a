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

/** A log in memory with one partition a topic, whose commits a test can make fail before or after they took effect. */
export class MemoryLog implements Log {
  readonly topics = new Map<string, RecordInput[]>();
  readonly #epochs = new Map<string, number>();
  /** Takes the next commits' fates; `lost-answer` commits and then fails. */
  readonly fates: ('fails' | 'lost-answer')[] = [];

  readonly sink: LogSink = {
    createTopic: async (topic) => {
      if (this.topics.has(topic)) return false;
      this.topics.set(topic, []);
      return true;
    },
    append: async (records) => this.#append(records),
    transactional: async (id) => this.#transactional(id),
  };

  readonly source: LogSource = {
    topics: async () => [...this.topics.keys()],
    partitionCount: async () => 1,
    earliest: async () => [{ partition: 0, offset: 0 }],
    latest: async (topic) => [{ partition: 0, offset: this.#records(topic).length }],
    offsetsAtTime: async () => [{ partition: 0, offset: 0 }],
    read: (range) => this.#read(range),
    follow: ({ topic, partition, from }, { signal }) => this.#follow({ topic, partition, from }, signal),
  };

  async close(): Promise<void> {}

  values(topic: string): string[] {
    return this.#records(topic).map(({ value }) => value?.toString() ?? '');
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
    for (const record of records) this.#records(record.topic).push(record);
  }

  #records(topic: string): RecordInput[] {
    const records = this.topics.get(topic);
    if (records === undefined) throw new QuarryError('TOPIC_NOT_FOUND', `there is no topic ${topic}`);
    return records;
  }

  async *#read({ topic, partition, from, until }: OffsetRange): AsyncGenerator<RecordBatch> {
    const records = this.#records(topic).slice(from, until);
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
      const until = Math.min(this.#records(topic).length, at + 500);
      if (until > at) yield* this.#read({ topic, partition, from: at, until });
      else await new Promise((resolve) => setTimeout(resolve, 20));
      at = until;
    }
  }
}
