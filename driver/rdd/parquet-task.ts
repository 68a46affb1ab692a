import type { ParquetFooter } from '../../common/parquet/parquet-footer.ts';
import { chunkRange } from '../../common/parquet/parquet-footer.ts';
import type { LocatedBlock } from '../../proto/gen/quarry/LocatedBlock.ts';
import type { SqlTaskInput } from '../../proto/gen/quarry/SqlTask.ts';
import type { ResolvedFiles } from '../plan/analyzer-context.ts';
import type { ScanFile } from '../plan/logical-plan.ts';
import type { SparkType } from '../plan/spark-type.ts';
import { duckdbType, quoteIdentifier, quoteText } from '../plan/types/duckdb-type.ts';
import { columnOf } from '../stages/column-type.ts';

/** Stands in the statement where the executor puts the scan. */
const VIEW = 'quarry_rdd_scan';

/** Neighbouring row groups that lie in one block. */
export interface RowGroupSplit {
  readonly rowGroups: readonly number[];
  readonly lengthBytes: number;
  readonly nodes: readonly string[];
}

export function rowGroupSplits(footer: ParquetFooter, blocks: readonly LocatedBlock[]): RowGroupSplit[] {
  const splits: { rowGroups: number[]; lengthBytes: number; block: LocatedBlock | undefined }[] = [];
  for (const [index, group] of footer.metadata.row_groups.entries()) {
    const ranges = group.columns.flatMap(({ meta_data }) =>
      meta_data === undefined ? [] : [chunkRange(meta_data)],
    );
    const start = Math.min(...ranges.map(({ startBytes }) => startBytes));
    const lengthBytes = ranges.reduce((sum, range) => sum + range.endBytes - range.startBytes, 0);
    const block = blocks.findLast(({ offsetBytes }) => offsetBytes <= start);
    const last = splits.at(-1);
    if (last !== undefined && last.block === block) {
      last.rowGroups.push(index);
      last.lengthBytes += lengthBytes;
    } else splits.push({ rowGroups: [index], lengthBytes, block });
  }
  return splits.map(({ rowGroups, lengthBytes, block }) => ({
    rowGroups,
    lengthBytes,
    nodes: block?.locations.map(({ hostLabel }) => hostLabel) ?? [],
  }));
}

/** A query for the rows of one split, columns of directory names included. */
export function parquetTask(
  file: ScanFile,
  rowGroups: readonly number[],
  resolved: ResolvedFiles,
): SqlTaskInput {
  const { path, inodeId, generation, lengthBytes } = file;
  const { schema, partitionColumns } = resolved;
  const directories = partitionColumns.map(
    ({ name, type }, index) => `${directoryValue(file, index, type)} AS ${quoteIdentifier(name)}`,
  );
  return {
    sql: `SELECT ${['*', ...directories].join(', ')} FROM ${VIEW}`,
    timeZone: 'UTC',
    // Spelled out: it travels as JSON, where absent fields get no defaults.
    steps: [],
    inputs: [
      {
        view: VIEW,
        scan: {
          splits: [{ path, inodeId, generation, lengthBytes, rowGroups: [...rowGroups] }],
          columns: schema.fields.map(({ name, type }) => ({ name, kernelType: duckdbType(type) })),
        },
      },
    ],
    result: { columns: [...schema.fields, ...partitionColumns].map(columnOf) },
  };
}

function directoryValue(file: ScanFile, index: number, type: SparkType): string {
  const value = file.partitionValues[index] ?? null;
  return `CAST(${value === null ? 'NULL' : quoteText(value)} AS ${duckdbType(type)})`;
}
