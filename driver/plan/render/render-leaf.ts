import { assert } from '../../../common/assert.ts';
import type { Attribute } from '../expression.ts';
import type { LogicalPlan, PlanLeaf, ScanFile } from '../logical-plan.ts';
import type { SparkType } from '../spark-type.ts';
import { sameType } from '../types/coercion.ts';
import { duckdbType, quoteIdentifier, quoteText } from '../types/duckdb-type.ts';
import { renderCast } from './render-cast.ts';
import { columnName } from './render-expression.ts';
import { renderLiteral } from './render-literal.ts';

type Scan = Extract<LogicalPlan, { kind: 'scan' }>;

/** What stands in FROM for a leaf that holds its own rows. Scans and exchanges are the executor's to name. */
export function renderLeaf(leaf: Extract<PlanLeaf, { kind: 'local' | 'range' | 'one-row' }>): string {
  switch (leaf.kind) {
    case 'one-row':
      return '(SELECT 1 AS c_)';
    case 'range':
      return renderRange(leaf);
    case 'local':
      return renderLocal(leaf);
  }
}

/** The rows of a range leaf: `start`, `start + step`, ... below (or above) `end`. */
export function renderRange(leaf: Extract<PlanLeaf, { kind: 'range' }>): string {
  const column = columnName(leaf.output[0]!.id);
  return `(SELECT range AS ${column} FROM range(${leaf.start}::BIGINT, ${leaf.end}::BIGINT, ${leaf.step}::BIGINT))`;
}

function renderLocal(leaf: Extract<PlanLeaf, { kind: 'local' }>): string {
  const names = leaf.output.map((attribute) => columnName(attribute.id)).join(', ');
  if (leaf.output.length === 0) return `(SELECT 1 AS c_ FROM range(${leaf.rows.length}))`;
  if (leaf.rows.length === 0) {
    const empty = leaf.output.map(({ id, type }) => `CAST(NULL AS ${duckdbType(type)}) AS ${columnName(id)}`);
    return `(SELECT ${empty.join(', ')} WHERE false)`;
  }
  const rows = leaf.rows.map(
    (row) =>
      `(${leaf.output.map((attribute, index) => renderLiteral(row[index] ?? null, attribute.type)).join(', ')})`,
  );
  return `(SELECT * FROM (VALUES ${rows.join(', ')}) AS v(${names}))`;
}

function partitionValue(file: ScanFile, index: number, type: SparkType): string {
  const value = file.partitionValues[index] ?? null;
  if (value === null) return `CAST(NULL AS ${duckdbType(type)})`;
  return renderCast(quoteText(value), { kind: 'string' }, type, false);
}

/**
 * The values that directory names give, as a CASE over the file's name: DuckDB's own Hive reading would guess types.
 * `nameOf` gives the text that `filename` has in the kernel for a file.
 */
function partitionColumn(
  scan: Scan,
  index: number,
  attribute: Attribute,
  nameOf: (file: ScanFile) => string,
): string {
  const byValue = new Map<string, ScanFile[]>();
  for (const file of scan.files) {
    const value = partitionValue(file, index, attribute.type);
    byValue.set(value, [...(byValue.get(value) ?? []), file]);
  }
  const values = [...byValue];
  if (values.length === 0) return `CAST(NULL AS ${duckdbType(attribute.type)})`;
  if (values.length === 1) return values[0]![0];
  const branches = values.map(
    ([value, files]) =>
      `WHEN filename IN (${files.map((file) => quoteText(nameOf(file))).join(', ')}) THEN ${value}`,
  );
  return `CASE ${branches.join(' ')} END`;
}

/**
 * A SELECT over a `read_parquet(...)` (or a table function like it) that names columns `c<id>`, gives columns of
 * directories their values, columns that a file lacks null, and every column Spark's type. `files` is FROM-able SQL over
 * the files of `scan` and, where `usesFileName(scan)`, has a column `filename` as `nameOf` says.
 */
export function renderScanSelect(
  scan: Scan,
  files: string,
  nameOf: (file: ScanFile) => string = (file) => file.path,
): string {
  const stored = scan.output.length - scan.partitionColumnCount;
  const columns = scan.output.map((attribute, index) => {
    const name = columnName(attribute.id);
    if (index >= stored) {
      const position = partitionPosition(scan, index - stored);
      return `${partitionColumn(scan, position, attribute, nameOf)} AS ${name}`;
    }
    return `${storedColumn(scan, attribute)} AS ${name}`;
  });
  return `(SELECT ${columns.length === 0 ? '1 AS c_' : columns.join(', ')} FROM ${files})`;
}

function partitionPosition(scan: Scan, index: number): number {
  return scan.partitionIndexes?.[index] ?? index;
}

/** Whether `renderScanSelect` reads the `filename` column: partition values differ between the files. */
export function usesFileName(scan: Scan): boolean {
  for (let index = 0; index < scan.partitionColumnCount; index += 1) {
    const position = partitionPosition(scan, index);
    const first = scan.files[0]?.partitionValues[position] ?? null;
    if (scan.files.some((file) => (file.partitionValues[position] ?? null) !== first)) return true;
  }
  return false;
}

function storedColumn(scan: Scan, attribute: Attribute): string {
  const fileName = scan.fileColumns?.get(attribute.id) ?? attribute.name;
  const field =
    scan.fileSchema.fields.find((each) => each.name === fileName) ??
    scan.fileSchema.fields.find((each) => each.name.toLowerCase() === fileName.toLowerCase());
  if (field === undefined) return `CAST(NULL AS ${duckdbType(attribute.type)})`;
  const column = quoteIdentifier(field.name);
  assert(field.name !== '', 'a column of a file has a name');
  if (!sameType(field.type, attribute.type)) return renderCast(column, field.type, attribute.type, false);
  // INT96 and writers that do not mark UTC read as TIMESTAMP; the cast is free where the kernel's type is Spark's.
  return attribute.type.kind === 'struct' ? column : `CAST(${column} AS ${duckdbType(attribute.type)})`;
}
