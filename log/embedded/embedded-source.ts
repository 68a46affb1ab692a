import type { LogSource, OffsetRange, PartitionOffsets, RecordBatch } from '../log.ts';
import { followFrom, readRange } from '../range-source.ts';
import { EmbeddedFetch } from './embedded-fetch.ts';
import type { LogClient, LogClientOptions } from './log-client.ts';

/** Reads the embedded log. */
export class EmbeddedSource implements LogSource {
  readonly #client: LogClient;
  readonly #open: (topic: string, partition: number) => EmbeddedFetch;

  constructor(client: LogClient, options: LogClientOptions) {
    this.#client = client;
    this.#open = (topic, partition) => new EmbeddedFetch(options, topic, partition);
  }

  async topics(): Promise<string[]> {
    const { topics } = await this.#client.call({ op: 'topics' });
    return [...topics];
  }

  async partitionCount(topic: string): Promise<number> {
    const { partitions } = await this.#client.call({ op: 'describe', topic });
    return partitions.length;
  }

  async earliest(topic: string): Promise<PartitionOffsets[]> {
    const { partitions } = await this.#client.call({ op: 'describe', topic });
    return partitions.map(({ earliest }, partition) => ({ partition, offset: earliest }));
  }

  async latest(topic: string): Promise<PartitionOffsets[]> {
    const { partitions } = await this.#client.call({ op: 'describe', topic });
    return partitions.map(({ latest }, partition) => ({ partition, offset: latest }));
  }

  async offsetsAtTime(topic: string, timestampMs: number): Promise<PartitionOffsets[]> {
    const { offsets } = await this.#client.call({ op: 'offsetsAtTime', topic, timestampMs });
    return offsets.map((offset, partition) => ({ partition, offset }));
  }

  read(range: OffsetRange, options: { readonly signal?: AbortSignal } = {}): AsyncIterable<RecordBatch> {
    return readRange(this.#open, range, this.#client.retries(options.signal));
  }

  follow(
    start: { readonly topic: string; readonly partition: number; readonly from: number },
    options: { readonly signal: AbortSignal },
  ): AsyncIterable<RecordBatch> {
    return followFrom(this.#open, start, this.#client.retries(options.signal));
  }
}
