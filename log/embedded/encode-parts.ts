import { QuarryError } from '../../common/quarry-error.ts';
import { BATCH_BYTES } from '../limits.ts';
import { type PartitionRecords, runs } from '../partitioner.ts';
import type { Part } from './protocol.ts';
import { encodeStoredBatch } from './stored-batch.ts';

export interface EncodedPart {
  readonly part: Part;
  readonly bytes: Buffer;
}

/** The records as the batches that the log stores. Errors: UNSUPPORTED for headers. */
export function encodeParts(groups: readonly PartitionRecords[]): EncodedPart[] {
  return groups.flatMap(({ topic, partition, records }) => {
    if (records.some(({ headers = [] }) => headers.length > 0)) {
      throw new QuarryError(
        'UNSUPPORTED',
        `a record for ${topic} has headers, which the embedded log does not keep: put them into the value, or use Kafka`,
      );
    }
    return runs(records, BATCH_BYTES).map((run) => {
      const bytes = encodeStoredBatch(run);
      return { part: { topic, partition, bytes: bytes.length }, bytes };
    });
  });
}
