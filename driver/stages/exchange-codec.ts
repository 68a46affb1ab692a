import { QuarryError } from '../../common/quarry-error.ts';
import type { SparkType } from '../plan/spark-type.ts';
import { duckdbType } from '../plan/types/duckdb-type.ts';

// A shuffle file is Parquet, written by the kernel, which keeps an interval to the millisecond and stores some types as
// others. Such columns travel as integers.

/** `column` as it is stored in a shuffle file. Errors: UNSUPPORTED for an interval inside another type. */
export function encodeForShuffle(column: string, type: SparkType): string {
  switch (type.kind) {
    case 'day_time_interval':
      return `epoch_us(${column})`;
    case 'year_month_interval':
      return `CAST(datepart('year', ${column}) * 12 + datepart('month', ${column}) AS INTEGER)`;
    case 'calendar_interval':
      // Months, days and microseconds do not turn into each other.
      return `CASE WHEN ${column} IS NULL THEN NULL ELSE struct_pack(m := CAST(datepart('year', ${column}) * 12 + datepart('month', ${column}) AS INTEGER), d := CAST(datepart('day', ${column}) AS INTEGER), u := CAST(datepart('hour', ${column}) * 3600000000 + datepart('minute', ${column}) * 60000000 + datepart('microsecond', ${column}) AS BIGINT)) END`;
    default:
      if (holdsInterval(type)) {
        throw new QuarryError(
          'UNSUPPORTED',
          'an interval inside an array, map or struct cannot be shuffled: cast it first',
        );
      }
      return column;
  }
}

/** What `encodeForShuffle` stored, as a value of the kernel's type for `type`. */
export function decodeFromShuffle(column: string, type: SparkType): string {
  switch (type.kind) {
    case 'day_time_interval':
      return `to_microseconds(${column})`;
    case 'year_month_interval':
      return `to_months(${column})`;
    case 'calendar_interval':
      return `(to_months(${column}.m) + to_days(${column}.d) + to_microseconds(${column}.u))`;
    default:
      return `CAST(${column} AS ${duckdbType(type)})`;
  }
}

/** The kernel's type of the stored column: for an input without rows. */
export function storedKernelType(type: SparkType): string {
  switch (type.kind) {
    case 'day_time_interval':
      return 'BIGINT';
    case 'year_month_interval':
      return 'INTEGER';
    case 'calendar_interval':
      return 'STRUCT(m INTEGER, d INTEGER, u BIGINT)';
    default:
      return duckdbType(type);
  }
}

function holdsInterval(type: SparkType): boolean {
  switch (type.kind) {
    case 'day_time_interval':
    case 'year_month_interval':
    case 'calendar_interval':
      return true;
    case 'array':
      return holdsInterval(type.element);
    case 'map':
      return holdsInterval(type.key) || holdsInterval(type.value);
    case 'struct':
      return type.fields.some((field) => holdsInterval(field.type));
    default:
      return false;
  }
}
