import { assert } from '../../../common/assert.ts';
import type { LiteralValue } from '../expression.ts';
import type { SparkType } from '../spark-type.ts';
import { duckdbType, quoteIdentifier, quoteText } from '../types/duckdb-type.ts';

const DAY_MS = 86_400_000;

function renderDate(days: number): string {
  const date = new Date(days * DAY_MS);
  if (Number.isNaN(date.getTime()) || date.getUTCFullYear() < 1 || date.getUTCFullYear() > 9999) {
    return `(DATE '1970-01-01' + CAST(${days} AS INTEGER))`;
  }
  return `DATE '${date.toISOString().slice(0, 10)}'`;
}

function renderDouble(value: number, type: string): string {
  if (Number.isNaN(value)) return `CAST('nan' AS ${type})`;
  if (!Number.isFinite(value)) return `CAST('${value > 0 ? '' : '-'}inf' AS ${type})`;
  return `CAST('${Object.is(value, -0) ? '-0.0' : value}' AS ${type})`;
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

function asList(value: LiteralValue): readonly LiteralValue[] {
  assert(Array.isArray(value), 'a literal of a nested type is a list');
  return value as readonly LiteralValue[];
}

/** SQL of a constant, of exactly the type's DuckDB type. */
export function renderLiteral(value: LiteralValue, type: SparkType): string {
  const target = duckdbType(type);
  if (value === null) return `CAST(NULL AS ${target})`;
  switch (type.kind) {
    case 'boolean':
      return value === true ? 'true' : 'false';
    case 'integer':
      return Number(value) < 0 ? `(${String(value)})` : String(value);
    case 'string':
      return quoteText(String(value));
    case 'float':
    case 'double':
      return renderDouble(Number(value), target);
    case 'date':
      return renderDate(Number(value));
    case 'timestamp':
      return `make_timestamptz(CAST(${String(value)} AS BIGINT))`;
    case 'timestamp_ntz':
      return `make_timestamp(CAST(${String(value)} AS BIGINT))`;
    case 'binary':
      assert(value instanceof Uint8Array, 'a binary literal is bytes');
      return `unhex('${hexOf(value)}')`;
    case 'day_time_interval':
      return `to_microseconds(CAST(${String(value)} AS BIGINT))`;
    case 'year_month_interval':
      return `to_months(CAST(${String(value)} AS INTEGER))`;
    case 'calendar_interval':
      return `CAST(${quoteText(String(value))} AS INTERVAL)`;
    case 'array':
      return `CAST([${asList(value)
        .map((item) => renderLiteral(item, type.element))
        .join(', ')}] AS ${target})`;
    case 'map':
      return `CAST(map_from_entries([${asList(value)
        .map((entry) => {
          const [key, inner] = asList(entry);
          return `(${renderLiteral(key ?? null, type.key)}, ${renderLiteral(inner ?? null, type.value)})`;
        })
        .join(', ')}]) AS ${target})`;
    case 'struct': {
      const values = asList(value);
      return `struct_pack(${type.fields
        .map(
          (field, index) =>
            `${quoteIdentifier(field.name)} := ${renderLiteral(values[index] ?? null, field.type)}`,
        )
        .join(', ')})`;
    }
    default:
      return `CAST(${typeof value === 'string' ? quoteText(value) : String(value)} AS ${target})`;
  }
}
