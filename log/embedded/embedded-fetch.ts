import { ColumnBuilder } from '../column-builder.ts';
import { FETCH_BYTES } from '../limits.ts';
import type { RecordBatch } from '../log.ts';
import type { PartitionFetch } from '../range-reader.ts';
import { LogClient, type LogClientOptions } from './log-client.ts';
import { type LogAnswers, type Message, slices } from './protocol.ts';
import { decodeStored, verifyStored } from './stored-batch.ts';

type Answer = Message<LogAnswers['fetch']>;

/** How long the log holds a fetch that finds nothing. */
const FETCH_WAIT_MS = 500;

/** Fetches stored batches of one partition over a connection of its own. */
export class EmbeddedFetch implements PartitionFetch<Answer> {
  readonly #client: LogClient;
  readonly #topic: string;
  readonly #partition: number;

  constructor(options: LogClientOptions, topic: string, partition: number) {
    this.#client = new LogClient(options);
    this.#topic = topic;
    this.#partition = partition;
  }

  fetch(offset: number): Promise<Answer> {
    const where = { topic: this.#topic, partition: this.#partition, offset };
    return this.#client.ask({ op: 'fetch', ...where, maxBytes: FETCH_BYTES, maxWaitMs: FETCH_WAIT_MS });
  }

  async decode({ head, body }: Answer, from: number, until: number): Promise<RecordBatch> {
    const columns = new ColumnBuilder();
    for (const bytes of slices(body, head.batches)) {
      verifyStored(bytes, { topicId: head.topicId, partition: this.#partition }, this.#topic);
      decodeStored(bytes, columns, { from, until });
    }
    return columns.batch(this.#topic, this.#partition, Math.min(until, head.nextOffset));
  }

  reset(): void {
    this.#client.reset();
  }

  close(): void {
    this.#client.close();
  }
}
