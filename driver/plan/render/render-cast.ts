import { bindOnce } from '../functions/function-spec.ts';
import type { SparkType, StructField } from '../spark-type.ts';
import { isIntegral, isInterval, isTimestamp, sameType } from '../types/coercion.ts';
import { duckdbType, quoteIdentifier } from '../types/duckdb-type.ts';

/** Java prints a double plainly from 10^-3 up to 10^7 and as d.dddE±n elsewhere; DuckDB has the same shortest digits, in another layout. */
function renderJavaDouble(value: string): string {
  const digits = `ltrim(replace(split_part(replace(_d.t, '-', ''), 'e', 1), '.', ''), '0')`;
  // The exponent counts from the first digit that is not zero, whichever side of the point it is on.
  const exponent = `CASE WHEN contains(_d.t, 'e') THEN CAST(split_part(_d.t, 'e', 2) AS INTEGER) + strlen(split_part(split_part(replace(_d.t, '-', ''), 'e', 1), '.', 1)) - 1 WHEN abs(_d.v) >= 1 THEN strlen(split_part(replace(_d.t, '-', ''), '.', 1)) - 1 ELSE -(strlen(split_part(_d.t, '.', 2)) - strlen(ltrim(split_part(_d.t, '.', 2), '0')) + 1) END`;
  const tail = `CASE WHEN rtrim(substr(${digits}, 2), '0') = '' THEN '0' ELSE rtrim(substr(${digits}, 2), '0') END`;
  const scientific = `CASE WHEN _d.v < 0 THEN '-' ELSE '' END || substr(${digits}, 1, 1) || '.' || ${tail} || 'E' || CAST(${exponent} AS VARCHAR)`;
  return bindOnce(
    '_d',
    `{'v': ${value}, 't': CAST(${value} AS VARCHAR)}`,
    `CASE WHEN _d.v IS NULL THEN NULL WHEN isnan(_d.v) THEN 'NaN' WHEN isinf(_d.v) THEN CASE WHEN _d.v > 0 THEN 'Infinity' ELSE '-Infinity' END WHEN _d.v = 0 OR (abs(_d.v) >= 0.001 AND abs(_d.v) < 10000000) THEN _d.t ELSE ${scientific} END`,
  );
}

const HOLE = 'null';

function renderElements(list: string, element: SparkType): string {
  return `list_transform(${list}, lambda _e: coalesce(${renderToString('_e', element)}, '${HOLE}'))`;
}

/** How Spark prints a value inside `CAST(x AS STRING)`: `[1, 2]`, `{a, 1}`, `{k -> v}`, nulls inside as `null`. */
function renderToString(value: string, type: SparkType): string {
  switch (type.kind) {
    case 'string':
      return value;
    case 'null':
      return 'CAST(NULL AS VARCHAR)';
    case 'float':
    case 'double':
      return renderJavaDouble(value);
    case 'timestamp':
      return `CAST(CAST(${value} AS TIMESTAMP) AS VARCHAR)`;
    case 'binary':
      return `decode(${value})`;
    case 'array':
      return `('[' || array_to_string(${renderElements(value, type.element)}, ', ') || ']')`;
    case 'map': {
      const entry = `${renderToString('_m.key', type.key)} || ' -> ' || coalesce(${renderToString('_m.value', type.value)}, '${HOLE}')`;
      return `('{' || array_to_string(list_transform(map_entries(${value}), lambda _m: ${entry}), ', ') || '}')`;
    }
    case 'struct': {
      const fields = type.fields.map(
        (field) => `coalesce(${renderToString(`_s.${quoteIdentifier(field.name)}`, field.type)}, '${HOLE}')`,
      );
      const body = fields.length === 0 ? `'{}'` : `'{' || ${fields.join(` || ', ' || `)} || '}'`;
      return bindOnce('_s', value, `CASE WHEN _s IS NULL THEN NULL ELSE ${body} END`);
    }
    case 'day_time_interval':
      return `('INTERVAL ''' || CAST(${value} AS VARCHAR) || ''' DAY TO SECOND')`;
    default:
      return `CAST(${value} AS VARCHAR)`;
  }
}

function renderStruct(
  value: string,
  from: readonly StructField[],
  to: readonly StructField[],
  lenient: boolean,
): string {
  const fields = to.map(
    (field, index) =>
      `${quoteIdentifier(field.name)} := ${renderCast(`_s.${quoteIdentifier(from[index]!.name)}`, from[index]!.type, field.type, lenient)}`,
  );
  return bindOnce('_s', value, `CASE WHEN _s IS NULL THEN NULL ELSE struct_pack(${fields.join(', ')}) END`);
}

/**
 * SQL that casts as Spark does. `lenient` gives null where the value does not fit (`try_cast`, or ANSI off); otherwise the
 * kernel raises and kernel-error.ts names the error.
 */
export function renderCast(value: string, from: SparkType, to: SparkType, lenient: boolean): string {
  const cast = lenient ? 'TRY_CAST' : 'CAST';
  const target = duckdbType(to);
  if (to.kind === 'array' && from.kind === 'array') {
    if (sameType(from, to)) return value;
    return `list_transform(${value}, lambda _a: ${renderCast('_a', from.element, to.element, lenient)})`;
  }
  if (to.kind === 'struct' && from.kind === 'struct') {
    return sameType(from, to) ? value : renderStruct(value, from.fields, to.fields, lenient);
  }
  if (to.kind === 'string') return renderToString(value, from);
  if (from.kind === 'null') return `CAST(NULL AS ${target})`;
  if (from.kind === 'string') return renderFromString(value, to, cast);
  if (to.kind === 'binary') return `${cast}(${value} AS BLOB)`;
  if (isIntegral(to)) return renderToIntegral(value, from, target, cast);
  if (isTimestamp(from) && (to.kind === 'double' || to.kind === 'float' || to.kind === 'decimal')) {
    return `${cast}(epoch_us(${value}) / 1000000 AS ${target})`;
  }
  if (to.kind === 'timestamp' && (isIntegral(from) || from.kind === 'decimal')) {
    return `make_timestamptz(CAST(${value} * 1000000 AS BIGINT))`;
  }
  if (to.kind === 'timestamp' && (from.kind === 'double' || from.kind === 'float')) {
    return `make_timestamptz(CAST(trunc(${value} * 1000000) AS BIGINT))`;
  }
  return `${cast}(${value} AS ${target})`;
}

function renderToIntegral(value: string, from: SparkType, target: string, cast: string): string {
  if (from.kind === 'double' || from.kind === 'float' || from.kind === 'decimal') {
    return `${cast}(trunc(${value}) AS ${target})`;
  }
  if (isTimestamp(from)) return `${cast}(floor(epoch_us(${value}) / 1000000) AS ${target})`;
  if (isInterval(from)) return `${cast}(floor(epoch(${value})) AS ${target})`;
  return `${cast}(${value} AS ${target})`;
}

function renderFromString(value: string, to: SparkType, cast: string): string {
  const target = duckdbType(to);
  if (to.kind === 'binary') return `encode(${value})`;
  // DuckDB reads '1.5', '1e3' and '1_000' as whole numbers; Spark does not. A '?' in their place makes them malformed.
  if (isIntegral(to)) return `${cast}(translate(${value}, '.eExX_', '??????') AS ${target})`;
  if (to.kind === 'double' || to.kind === 'float') {
    return `${cast}(regexp_replace(trim(${value}), '(?i)^([+-]?[0-9.]+(?:e[+-]?[0-9]+)?)[df]$', '\\1') AS ${target})`;
  }
  if (to.kind === 'date') {
    // yyyy and yyyy-MM are dates to Spark; a time after the date is cut off.
    return `${cast}(regexp_replace(regexp_replace(regexp_replace(trim(${value}), '^([0-9]{4,}-[0-9]{1,2}-[0-9]{1,2})[ T].*$', '\\1'), '^([0-9]{4})$', '\\1-01-01'), '^([0-9]{4}-[0-9]{1,2})$', '\\1-01') AS ${target})`;
  }
  if (isTimestamp(to)) {
    return `${cast}(regexp_replace(regexp_replace(trim(${value}), '^([0-9]{4})$', '\\1-01-01'), '^([0-9]{4}-[0-9]{1,2})$', '\\1-01') AS ${target})`;
  }
  return `${cast}(${to.kind === 'boolean' || to.kind === 'decimal' ? `trim(${value})` : value} AS ${target})`;
}
