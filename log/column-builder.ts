import type { RecordBatch, RecordHeader } from './log.ts';

/** The columns of a batch while they are filled. */
export class ColumnBuilder {
  readonly offsets: number[] = [];
  readonly timestampsMs: number[] = [];
  readonly keys: (Buffer | null)[] = [];
  readonly values: (Buffer | null)[] = [];
  readonly headers: (readonly RecordHeader[])[] | undefined;

  constructor(options: { readonly headers?: boolean | undefined } = {}) {
    this.headers = options.headers === true ? [] : undefined;
  }

  batch(topic: string, partition: number, nextOffset: number): RecordBatch {
    const { offsets, timestampsMs, keys, values, headers } = this;
    const columns = { offsets, timestampsMs, keys, values, ...(headers === undefined ? {} : { headers }) };
    return { topic, partition, ...columns, nextOffset };
  }
}
