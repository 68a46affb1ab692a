import { BATCH_BYTES } from '../limits.ts';
import { type PartitionRecords, runs } from '../partitioner.ts';
import type { Part } from './protocol.ts';
import { encodeStoredBatch } from './stored-batch.ts';

export interface EncodedPart {
  readonly part: Part;
  readonly bytes: Buffer;
}

/** The records as the batches that the log stores. */
export function encodeParts(groups: readonly PartitionRecords[]): EncodedPart[] {
  return groups.flatMap(({ topic, partition, records }) =>
    runs(records, BATCH_BYTES).map((run) => {
      const bytes = encodeStoredBatch(run);
      return { part: { topic, partition, bytes: bytes.length }, bytes };
    }),
  );
}
