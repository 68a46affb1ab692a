import { QuarryError } from '../../common/quarry-error.ts';
import { openTables } from '../../sinks/open-tables.ts';
import type { TableValue } from '../../sinks/table-store.ts';
import type { LocalRows } from '../plan/analyze/source-table.ts';
import type { LiteralValue } from '../plan/expression.ts';
import type { SparkType } from '../plan/spark-type.ts';
import { parseType } from '../plan/types/type-parser.ts';
import { type JdbcOptions, jdbcOptions } from './jdbc-options.ts';

/** What is read becomes part of the plan: results of aggregates and small tables, as they are in serving databases. */
const ROWS_MAX = 500_000;
const CHARACTERS_MAX = 64 * 1024 * 1024;

const DAY_MS = 86_400_000;

/** The whole result of `dbtable` or `query`, in one partition. Errors: as TableStore.read, and INVALID_ARGUMENT, LIMIT_EXCEEDED. */
export async function readTable(
  given: Readonly<Record<string, string>>,
  predicates: readonly string[] = [],
): Promise<LocalRows> {
  const options = jdbcOptions(given);
  const tables = await openTables(options.url, options.credentials);
  try {
    const { columns, batches } = await tables.read(statement(options, predicates));
    const fields = columns.map(({ name, type, nullable }) => ({
      name,
      type: sparkType(type, options.preferTimestampNtz),
      nullable,
    }));
    const readers = fields.map(({ type }) => literalReader(type));
    const rows: LiteralValue[][] = [];
    let characters = 0;
    for await (const batch of batches) {
      for (const row of batch) {
        for (const value of row)
          characters += typeof value === 'string' || Buffer.isBuffer(value) ? value.length : 8;
        rows.push(row.map((value, at) => (value === null ? null : readers[at]!(value))));
      }
      if (rows.length > ROWS_MAX || characters > CHARACTERS_MAX) throw tooLarge();
    }
    return { schema: { kind: 'struct', fields }, rows };
  } finally {
    await tables.close();
  }
}

/** Spark's: `dbtable` may be a table or `(SELECT ...) AS name`; each predicate is a part of its own. */
function statement({ table, query }: JdbcOptions, predicates: readonly string[]): string {
  if (table !== undefined && query !== undefined) {
    throw new QuarryError('INVALID_ARGUMENT', 'options dbtable and query exclude each other: give one');
  }
  if (query !== undefined) return query.trim().replace(/;$/, '');
  if (table === undefined || table.trim() === '') {
    throw new QuarryError('INVALID_ARGUMENT', 'reading with format jdbc needs option dbtable or query');
  }
  const select = `SELECT * FROM ${table}`;
  if (predicates.length === 0) return select;
  return predicates.map((predicate) => `${select} WHERE ${predicate}`).join(' UNION ALL ');
}

function sparkType(type: string, preferTimestampNtz: boolean): SparkType {
  const parsed = parseType(type);
  return parsed.kind === 'timestamp_ntz' && !preferTimestampNtz ? { kind: 'timestamp' } : parsed;
}

function literalReader(type: SparkType): (value: TableValue) => LiteralValue {
  switch (type.kind) {
    case 'long':
      return (value) => BigInt(String(value));
    case 'date':
      return (value) => Math.round(Date.parse(`${String(value)}T00:00:00Z`) / DAY_MS);
    case 'timestamp':
    case 'timestamp_ntz':
      return (value) => microseconds(String(value));
    default:
      return (value) => value;
  }
}

/** `2026-11-22 10:01:02.345678`, UTC. */
function microseconds(text: string): bigint {
  const [seconds, fraction = ''] = text.split('.') as [string, string?];
  return (
    BigInt(Date.parse(`${seconds.replace(' ', 'T')}Z`)) * 1000n +
    BigInt(fraction.padEnd(6, '0').slice(0, 6) || '0')
  );
}

function tooLarge(): QuarryError {
  return new QuarryError(
    'LIMIT_EXCEEDED',
    `a read with format jdbc brings at most ${ROWS_MAX} rows and ${CHARACTERS_MAX / 1024 / 1024} MiB: select less with option query`,
  );
}
