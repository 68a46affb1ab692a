import type { RecordBatch } from './log.ts';

/** The columns of a batch while they are filled. */
export class ColumnBuilder {
  readonly offsets: number[] = [];
  readonly timestampsMs: number[] = [];
  readonly keys: (Buffer | null)[] = [];
  readonly values: (Buffer | null)[] = [];

  batch(topic: string, partition: number, nextOffset: number): RecordBatch {
    const { offsets, timestampsMs, keys, values } = this;
    return { topic, partition, offsets, timestampsMs, keys, values, nextOffset };
  }
}
