import { type DuckDBType, DuckDBTypeId } from '@duckdb/node-api';
import type { ColumnTypeInput } from '../../proto/gen/quarry/ColumnType.ts';

const KERNEL_TYPE: Readonly<Record<string, DuckDBTypeId>> = {
  boolean: DuckDBTypeId.BOOLEAN,
  byte: DuckDBTypeId.TINYINT,
  short: DuckDBTypeId.SMALLINT,
  integer: DuckDBTypeId.INTEGER,
  long: DuckDBTypeId.BIGINT,
  float: DuckDBTypeId.FLOAT,
  double: DuckDBTypeId.DOUBLE,
  string: DuckDBTypeId.VARCHAR,
  binary: DuckDBTypeId.BLOB,
  date: DuckDBTypeId.DATE,
  timestamp: DuckDBTypeId.TIMESTAMP_TZ,
  timestamp_ntz: DuckDBTypeId.TIMESTAMP,
  calendar_interval: DuckDBTypeId.INTERVAL,
  day_time_interval: DuckDBTypeId.INTERVAL,
  year_month_interval: DuckDBTypeId.INTERVAL,
  decimal: DuckDBTypeId.DECIMAL,
  array: DuckDBTypeId.LIST,
  map: DuckDBTypeId.MAP,
  struct: DuckDBTypeId.STRUCT,
};

/** Whether vectors of the kernel's type hold what the plan's type says, down to every child. */
export function kernelTypeMatches(planned: ColumnTypeInput, actual: DuckDBType): boolean {
  if (planned.kind === 'null') return true;
  if (KERNEL_TYPE[planned.kind ?? ''] !== actual.typeId) return false;
  const child = (index: number) => planned.fields?.[index]?.type ?? {};
  switch (actual.typeId) {
    case DuckDBTypeId.DECIMAL:
      return planned.precision === actual.width && (planned.scale ?? 0) === actual.scale;
    case DuckDBTypeId.LIST:
      return kernelTypeMatches(child(0), actual.valueType);
    case DuckDBTypeId.MAP:
      return kernelTypeMatches(child(0), actual.keyType) && kernelTypeMatches(child(1), actual.valueType);
    case DuckDBTypeId.STRUCT:
      return (
        actual.entryCount === (planned.fields?.length ?? 0) &&
        actual.entryTypes.every((type, index) => kernelTypeMatches(child(index), type))
      );
    default:
      return true;
  }
}
