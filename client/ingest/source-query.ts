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

/** As many as DuckDB itself looks at to tell a column's type. */
const SAMPLE_ROWS = 20_480;

/**
 * Types are narrowed to what Spark reads: times to microseconds, INT96 times and JSON times with an offset (which
 * DuckDB takes for zoneless) to the instants they are, integers of 128 bits to DECIMAL, what has no Parquet type of its own to text.
 * Errors: BAD_DATA.
 */
export async function sourceQuery(kernel: Kernel, sources: Sources): Promise<SourceQuery> {
  const from = scan(sources);
  const described = await kernel.rows(`DESCRIBE SELECT * FROM ${from}`);
  const instants = await hiddenInstants(kernel, sources, described);
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

type Described = readonly Record<string, unknown>[];

/** Columns whose values are instants although DuckDB calls them zoneless: it has turned them into UTC and forgotten it. */
async function hiddenInstants(
  kernel: Kernel,
  { format, files }: Sources,
  described: Described,
): Promise<Set<unknown>> {
  const list = `[${files.map(literal).join(', ')}]`;
  if (format === 'parquet') {
    const rows = await kernel.rows(`SELECT DISTINCT name FROM parquet_schema(${list}) WHERE type = 'INT96'`);
    return new Set(rows.map((row) => row['name']));
  }
  const times = described.flatMap((row) =>
    row['column_type'] === 'TIMESTAMP' ? [String(row['column_name'])] : [],
  );
  if (format !== 'json' || times.length === 0) return new Set();
  const columns = times.map((name) => `${identifier(name)}: 'VARCHAR'`).join(', ');
  const tests = times.map(
    (name, i) =>
      `bool_or(regexp_matches(${identifier(name)}, '[0-9](Z|[+-][0-9]{2}(:?[0-9]{2})?)$')) AS zoned${i}`,
  );
  const [found] = await kernel.rows(
    `SELECT ${tests.join(', ')} FROM (FROM read_json(${list}, columns = {${columns}}) LIMIT ${SAMPLE_ROWS})`,
  );
  return new Set(times.filter((_, i) => found?.[`zoned${i}`] === true));
}

function project(name: string, type: string, isInstant: boolean): Column & { sql: string } {
  const column = identifier(name);
  const cast = (target: string) => ({ name, type: target, sql: `CAST(${column} AS ${target})` });
  if (isInstant && type.startsWith('TIMESTAMP') && type !== 'TIMESTAMP WITH TIME ZONE') {
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
