import { parquetSchema, type SchemaTree } from 'hyparquet';
import type { ScanColumn } from '../../proto/gen/quarry/ScanColumn.ts';
import type { ScanSource } from '../../proto/gen/quarry/ScanSource.ts';
import type { ParquetFooter } from '../../common/parquet/parquet-footer.ts';
import { quote, quoteName } from '../kernel/duckdb-kernel.ts';

/** A split whose declared bytes are in a file of this host. */
export interface LocalSplit {
  readonly path: string;
  /** The split's path as the plan has it. */
  readonly name: string;
  readonly footer: ParquetFooter;
}

/** SQL for FROM over the splits, in their order: files that look alike are read by one scan, others beside it. */
export function renderScan(scan: ScanSource, splits: readonly LocalSplit[]): string {
  if (splits.length === 0) return `(SELECT ${emptyColumns(scan)} WHERE false)`;
  const groups: { columns: string; splits: LocalSplit[] }[] = [];
  for (const split of splits) {
    const columns = shapedColumns(scan.columns, split.footer);
    const last = groups.at(-1);
    // Neighbours only: the order of the splits is the order of the rows.
    if (last !== undefined && last.columns === columns) last.splits.push(split);
    else groups.push({ columns, splits: [split] });
  }
  const selects = groups.map((group) => {
    const files = group.splits.map((split) => quote(split.path)).join(', ');
    const name = scan.fileName ? `, ${fileName(group.splits)} AS filename` : '';
    const columns = `${group.columns}${name}`;
    return `SELECT ${columns} FROM read_parquet([${files}]${scan.fileName ? ', filename = true' : ''})`;
  });
  return `(${selects.join(' UNION ALL ')})`;
}

function fileName(splits: readonly LocalSplit[]): string {
  if (splits.length === 1) return quote(splits[0]!.name);
  const cases = splits.map((split) => `WHEN ${quote(split.path)} THEN ${quote(split.name)}`);
  return `CASE filename ${cases.join(' ')} END`;
}

function emptyColumns(scan: ScanSource): string {
  const columns = scan.columns.map(nullColumn);
  if (scan.fileName) columns.push(`CAST(NULL AS VARCHAR) AS filename`);
  return columns.join(', ') || '1 AS q_';
}

function nullColumn(column: ScanColumn): string {
  return `CAST(NULL AS ${column.kernelType}) AS ${quoteName(column.name)}`;
}

function shapedColumns(columns: readonly ScanColumn[], footer: ParquetFooter): string {
  const fields = parquetSchema(footer.metadata).children;
  const rendered = columns.map((column) => {
    const field = findField(fields, column.name);
    return field === undefined ? nullColumn(column) : `${shaped(column, field)} AS ${quoteName(column.name)}`;
  });
  return rendered.join(', ') || '1 AS q_';
}

/** By exact name first: two columns may differ in case alone. */
function findField(fields: readonly SchemaTree[], name: string): SchemaTree | undefined {
  return (
    fields.find((field) => field.element.name === name) ??
    fields.find((field) => field.element.name.toLowerCase() === name.toLowerCase())
  );
}

function shaped(column: ScanColumn, field: SchemaTree): string {
  const name = quoteName(field.element.name);
  if (column.kernelType === 'TIMESTAMPTZ' && isZonelessInKernel(field)) {
    // An instant that the kernel reads without a zone; a cast would take it for local time.
    return `(CAST(${name} AS TIMESTAMP) AT TIME ZONE 'UTC')`;
  }
  return `CAST(${name} AS ${column.kernelType})`;
}

function isZonelessInKernel({ element }: SchemaTree): boolean {
  if (element.type === 'INT96') return true;
  const logical = element.logical_type;
  if (logical !== undefined) return logical.type === 'TIMESTAMP' && !logical.isAdjustedToUTC;
  // The older converted types are instants by definition, but the kernel gives them no zone.
  return element.converted_type === 'TIMESTAMP_MILLIS' || element.converted_type === 'TIMESTAMP_MICROS';
}
