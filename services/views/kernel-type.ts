import {
  type DuckDBDecimalType,
  type DuckDBType,
  DuckDBTypeId,
  type DuckDBValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBBlobValue,
} from '@duckdb/node-api';
import { QuarryError } from '../../common/quarry-error.ts';
import type { TableColumn } from '../../sinks/table-store.ts';
import { type CellText, cellText } from '../../sinks/quarry/row-text.ts';

const KERNEL: Readonly<Record<string, string>> = {
  boolean: 'BOOLEAN',
  tinyint: 'TINYINT',
  smallint: 'SMALLINT',
  int: 'INTEGER',
  bigint: 'BIGINT',
  float: 'FLOAT',
  double: 'DOUBLE',
  string: 'VARCHAR',
  binary: 'BLOB',
  date: 'DATE',
  timestamp: 'TIMESTAMPTZ',
  timestamp_ntz: 'TIMESTAMP',
  void: 'VARCHAR',
};

/** Errors: UNSUPPORTED for nested types: rows travel as text, and MySQL has none either. */
export function kernelType({ name, type }: TableColumn): string {
  if (/^decimal\(\d+,\d+\)$/.test(type)) return type;
  const found = KERNEL[type] ?? (/^(var)?char\(\d+\)$/.test(type) ? 'VARCHAR' : undefined);
  if (found !== undefined) return found;
  throw new QuarryError(
    'UNSUPPORTED',
    `column ${name}: tables have no type for ${type}: cast it, to_json makes a string of nested values`,
  );
}

const SPARK: Partial<Record<DuckDBTypeId, string>> = {
  [DuckDBTypeId.BOOLEAN]: 'boolean',
  [DuckDBTypeId.TINYINT]: 'tinyint',
  [DuckDBTypeId.SMALLINT]: 'smallint',
  [DuckDBTypeId.INTEGER]: 'int',
  [DuckDBTypeId.BIGINT]: 'bigint',
  [DuckDBTypeId.UTINYINT]: 'smallint',
  [DuckDBTypeId.USMALLINT]: 'int',
  [DuckDBTypeId.UINTEGER]: 'bigint',
  [DuckDBTypeId.UBIGINT]: 'decimal(20,0)',
  [DuckDBTypeId.HUGEINT]: 'decimal(38,0)',
  [DuckDBTypeId.UHUGEINT]: 'decimal(38,0)',
  [DuckDBTypeId.FLOAT]: 'float',
  [DuckDBTypeId.DOUBLE]: 'double',
  [DuckDBTypeId.BLOB]: 'binary',
  [DuckDBTypeId.DATE]: 'date',
  [DuckDBTypeId.TIMESTAMP]: 'timestamp_ntz',
  [DuckDBTypeId.TIMESTAMP_S]: 'timestamp_ntz',
  [DuckDBTypeId.TIMESTAMP_MS]: 'timestamp_ntz',
  [DuckDBTypeId.TIMESTAMP_NS]: 'timestamp_ntz',
  [DuckDBTypeId.TIMESTAMP_TZ]: 'timestamp',
};

export function sparkType(type: DuckDBType): string {
  if (type.typeId !== DuckDBTypeId.DECIMAL) return SPARK[type.typeId] ?? 'string';
  const { width, scale } = type as DuckDBDecimalType;
  return `decimal(${width},${scale})`;
}

/** A value of a result as the text that travels. */
export function kernelText(value: DuckDBValue): CellText {
  if (value === null || typeof value === 'string' || typeof value === 'number') return cellText(value);
  if (value instanceof DuckDBBlobValue) return Buffer.from(value.bytes).toString('base64');
  // The instant, whatever zone its text would be in.
  if (value instanceof DuckDBTimestampTZValue) return new DuckDBTimestampValue(value.micros).toString();
  return String(value);
}
