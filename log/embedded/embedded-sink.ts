import { randomBytes } from 'node:crypto';
import type { LogSink, RecordInput, TopicSpec, TransactionalProducer } from '../log.ts';
import { byPartition, checkTopic } from '../partitioner.ts';
import { EmbeddedTransactionalProducer } from './embedded-transactional-producer.ts';
import { type EncodedPart, encodeParts } from './encode-parts.ts';
import { LogClient, type LogClientOptions } from './log-client.ts';

/** Batches that one request carries, when they wait. */
const REQUEST_BYTES = 8 * 1024 * 1024;

/** One append while its batches are sent. */
interface Pending {
  readonly parts: EncodedPart[];
  readonly resolve: () => void;
  readonly reject: (thrown: unknown) => void;
}

/**
 * Appends to the embedded log. One request is under way, what is appended meanwhile goes with the next one; the log knows a
 * request by (producer, sequence), so that one which is sent again after a lost answer is kept once.
 */
export class EmbeddedSink implements LogSink {
  readonly #options: LogClientOptions;
  readonly #client: LogClient;
  readonly #producing: LogClient;
  readonly #partitions = new Map<string, number>();
  readonly #producer = randomBytes(8).toString('hex');
  readonly #producers = new Set<EmbeddedTransactionalProducer>();
  readonly #queue: Pending[] = [];
  #sequence = 0;
  #sending = false;

  constructor(client: LogClient, options: LogClientOptions) {
    this.#client = client;
    this.#options = options;
    this.#producing = new LogClient(options);
  }

  async createTopic(topic: string, spec: TopicSpec): Promise<boolean> {
    checkTopic(topic, spec.partitions);
    const { created } = await this.#client.call({ op: 'create', topic, spec });
    return created;
  }

  async append(records: readonly RecordInput[]): Promise<void> {
    const parts = encodeParts(await byPartition(records, (topic) => this.#partitionCount(topic)));
    if (parts.length === 0) return;
    return new Promise((resolve, reject) => {
      this.#queue.push({ parts, resolve, reject });
      if (!this.#sending) void this.#drain();
    });
  }

  async transactional(id: string): Promise<TransactionalProducer> {
    const producer = await EmbeddedTransactionalProducer.open(this.#options, id, (topic) =>
      this.#partitionCount(topic),
    );
    this.#producers.add(producer);
    return producer;
  }

  close(): void {
    this.#producing.close();
    for (const producer of this.#producers) producer.abandon();
  }

  /** Partitions are never added to a topic. */
  async #partitionCount(topic: string): Promise<number> {
    const known = this.#partitions.get(topic);
    if (known !== undefined) return known;
    const { partitions } = await this.#client.call({ op: 'describe', topic });
    this.#partitions.set(topic, partitions.length);
    return partitions.length;
  }

  async #drain(): Promise<void> {
    this.#sending = true;
    while (this.#queue.length > 0) {
      const { parts, appends } = this.#take();
      this.#sequence++;
      try {
        await this.#producing.call(
          {
            op: 'append',
            producer: this.#producer,
            sequence: this.#sequence,
            parts: parts.map(({ part }) => part),
          },
          parts.map(({ bytes }) => bytes),
        );
        // An append that needs further requests is still at the queue's head.
        for (const append of appends) if (append !== this.#queue[0]) append.resolve();
      } catch (thrown) {
        if (appends.at(-1) === this.#queue[0]) this.#queue.shift();
        for (const append of appends) append.reject(thrown);
      }
    }
    this.#sending = false;
  }

  /** What the next request carries, and the appends that it belongs to: the last one may leave batches behind. */
  #take(): { parts: EncodedPart[]; appends: Pending[] } {
    const parts: EncodedPart[] = [];
    const appends: Pending[] = [];
    let bytes = 0;
    for (let append = this.#queue[0]; append !== undefined; append = this.#queue[0]) {
      appends.push(append);
      let taken = 0;
      while (
        taken < append.parts.length &&
        (parts.length === 0 || bytes + append.parts[taken]!.bytes.length <= REQUEST_BYTES)
      ) {
        bytes += append.parts[taken]!.bytes.length;
        parts.push(append.parts[taken]!);
        taken++;
      }
      append.parts.splice(0, taken);
      if (append.parts.length > 0) {
        if (taken === 0) appends.pop();
        break;
      }
      this.#queue.shift();
    }
    return { parts, appends };
  }
}
