import { QuarryError } from '../../common/quarry-error.ts';
import { identifier, type Kernel, literal } from './kernel.ts';
import type { Sources } from './sources.ts';

export interface Column {
  readonly name: string;
  /** DuckDB's name of its type, after the projection. */
  readonly type: string;
}

/** The sources as one SELECT whose types other readers of Parquet share. */
export interface SourceQuery {
  readonly sql: string;
  readonly columns: readonly Column[];
}

/**
 * Types are narrowed to what Spark reads: times to microseconds, INT96 times (which DuckDB takes for zoneless) to the
 * instants they are, integers of 128 bits to DECIMAL, what has no Parquet type of its own to text.
 * Errors: BAD_DATA.
 */
export async function sourceQuery(kernel: Kernel, sources: Sources): Promise<SourceQuery> {
  const from = scan(sources);
  const described = await kernel.rows(`DESCRIBE SELECT * FROM ${from}`);
  const instants = sources.format === 'parquet' ? await int96Columns(kernel, sources.files) : new Set();
  const projected = described.map((row) => {
    const name = String(row['column_name']);
    return project(name, String(row['column_type']), instants.has(name));
  });
  if (projected.length === 0) throw new QuarryError('BAD_DATA', 'the sources have no columns');
  const select = projected.map(({ sql, name }) => `${sql} AS ${identifier(name)}`).join(', ');
  return { sql: `SELECT ${select} FROM ${from}`, columns: projected };
}

function scan({ format, files }: Sources): string {
  const list = `[${files.map(literal).join(', ')}]`;
  switch (format) {
    case 'parquet':
      return `read_parquet(${list}, union_by_name = true, hive_partitioning = false)`;
    case 'csv':
      return `read_csv(${list}, union_by_name = true, hive_partitioning = false)`;
    case 'json':
      return `read_json(${list}, union_by_name = true, hive_partitioning = false)`;
  }
}

async function int96Columns(kernel: Kernel, files: readonly string[]): Promise<Set<unknown>> {
  const list = `[${files.map(literal).join(', ')}]`;
  const rows = await kernel.rows(`SELECT DISTINCT name FROM parquet_schema(${list}) WHERE type = 'INT96'`);
  return new Set(rows.map((row) => row['name']));
}

function project(name: string, type: string, isInt96: boolean): Column & { sql: string } {
  const column = identifier(name);
  const cast = (target: string) => ({ name, type: target, sql: `CAST(${column} AS ${target})` });
  if (isInt96 && type.startsWith('TIMESTAMP') && type !== 'TIMESTAMP WITH TIME ZONE') {
    return {
      name,
      type: 'TIMESTAMP WITH TIME ZONE',
      sql: `timezone('UTC', CAST(${column} AS TIMESTAMP))`,
    };
  }
  if (/^TIMESTAMP_(NS|MS|S)$/.test(type)) return cast('TIMESTAMP');
  if (type === 'HUGEINT' || type === 'UHUGEINT' || type === 'BIGNUM') return cast('DECIMAL(38,0)');
  if (/^(TIME|UUID|BIT|INTERVAL|JSON|ENUM)/.test(type) && !type.startsWith('TIMESTAMP'))
    return cast('VARCHAR');
  return { name, type, sql: column };
}
