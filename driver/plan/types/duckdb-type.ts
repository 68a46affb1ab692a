import type { SparkType } from '../spark-type.ts';

const NAMES: Partial<Record<SparkType['kind'], string>> = {
  // DuckDB has no column of type NULL; an all-null INTEGER is what it makes of one itself.
  null: 'INTEGER',
  boolean: 'BOOLEAN',
  byte: 'TINYINT',
  short: 'SMALLINT',
  integer: 'INTEGER',
  long: 'BIGINT',
  float: 'FLOAT',
  double: 'DOUBLE',
  string: 'VARCHAR',
  binary: 'BLOB',
  date: 'DATE',
  timestamp: 'TIMESTAMPTZ',
  timestamp_ntz: 'TIMESTAMP',
  calendar_interval: 'INTERVAL',
  day_time_interval: 'INTERVAL',
  year_month_interval: 'INTERVAL',
};

export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function quoteText(text: string): string {
  // DuckDB's lexer ends a statement at NUL, inside quotes too.
  return text.includes('\0')
    ? `(${text
        .split('\0')
        .map((part) => quoteText(part))
        .join(' || chr(0) || ')})`
    : `'${text.replaceAll("'", "''")}'`;
}

/** The kernel's type for a Spark type. Instants are TIMESTAMPTZ and zoneless times TIMESTAMP; the executor sets TimeZone. */
export function duckdbType(type: SparkType): string {
  switch (type.kind) {
    case 'decimal':
      return `DECIMAL(${type.precision},${type.scale})`;
    case 'array':
      return `${duckdbType(type.element)}[]`;
    case 'map':
      return `MAP(${duckdbType(type.key)}, ${duckdbType(type.value)})`;
    case 'struct':
      return type.fields.length === 0
        ? 'STRUCT("_" INTEGER)'
        : `STRUCT(${type.fields.map((field) => `${quoteIdentifier(field.name)} ${duckdbType(field.type)}`).join(', ')})`;
    default:
      return NAMES[type.kind]!;
  }
}
