import type { FileMetaData, RowGroup } from 'hyparquet';
import { assert } from '../../common/assert.ts';
import type { MapOutputInput } from '../../proto/gen/quarry/MapOutput.ts';
import type { TaskId } from '../../proto/gen/quarry/TaskId.ts';
import { readLocalFooter, rowGroupRange } from '../../common/parquet/parquet-footer.ts';
import { type KernelSession, quote, quoteName } from '../kernel/duckdb-kernel.ts';
import { withChecksums } from './file-checksums.ts';
import type { ShuffleSegment, ShuffleStore } from './shuffle-store.ts';

/** Small row groups are the index: a reducer fetches those that hold its partition. A multiple of the kernel's vector of 2048. */
const ROW_GROUP_ROWS = 8_192;

export interface ShuffleWrite {
  readonly id: TaskId;
  readonly partitions: number;
  /** The query's column with the partition number; '' when there is one partition and no such column. */
  readonly partitionColumn: string;
}

/** Runs `query` into one Parquet file that is sorted by partition; it is there even without rows. */
export async function writeShuffle(
  session: KernelSession,
  store: ShuffleStore,
  query: string,
  write: ShuffleWrite,
): Promise<MapOutputInput> {
  const path = await store.temporaryPath(write.id);
  try {
    // A sort spills; the kernel's own PARTITION_BY does not.
    const order = write.partitionColumn === '' ? '' : ` ORDER BY ${quoteName(write.partitionColumn)}`;
    await session.run(
      `COPY (${query}${order}) TO ${quote(path)} (FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE ${ROW_GROUP_ROWS}, WRITE_BLOOM_FILTER false)`,
    );
    const { metadata, startBytes } = await readLocalFooter(path);
    const layout = {
      segments: segmentsOf(metadata, write),
      tailOffsetBytes: startBytes,
      rowCount: Number(metadata.num_rows),
    };
    return await store.commit(write.id, path, await withChecksums(path, layout));
  } catch (thrown) {
    await store.discard(path);
    throw thrown;
  }
}

function segmentsOf(metadata: FileMetaData, write: ShuffleWrite): ShuffleSegment[] {
  const segments = Array.from({ length: write.partitions }, () => ({ start: -1, end: -1, rowCount: 0 }));
  for (const group of metadata.row_groups) {
    const range = rowGroupRange(group);
    const { first, last } = partitionsOf(group, write);
    for (let partition = first; partition <= last; partition++) {
      const segment = segments[partition];
      assert(segment !== undefined, `partition ${partition} of ${write.partitions}`);
      if (segment.start < 0) segment.start = range.startBytes;
      segment.end = range.endBytes;
      segment.rowCount += Number(group.num_rows);
    }
  }
  return segments.map(({ start, end, rowCount }) =>
    start < 0
      ? { offsetBytes: 0, lengthBytes: 0, rowCount: 0 }
      : { offsetBytes: start, lengthBytes: end - start, rowCount },
  );
}

/** Which partitions a row group holds, as its statistics say. */
function partitionsOf(group: RowGroup, write: ShuffleWrite): { first: number; last: number } {
  const chunk = group.columns.find(
    ({ meta_data: each }) => each?.path_in_schema[0] === write.partitionColumn,
  );
  const statistics = chunk?.meta_data?.statistics;
  return {
    first: Number(statistics?.min_value ?? statistics?.min ?? 0),
    last: Number(statistics?.max_value ?? statistics?.max ?? write.partitions - 1),
  };
}
