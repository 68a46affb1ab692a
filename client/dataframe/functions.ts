// Spark's functions under Spark's names, so that its documentation is theirs. Columns may be given by name; where a
// parameter is a value (a format, a number of digits), it is written as a plain value.
import type { _spark_connect_Expression_UnresolvedNamedLambdaVariableInput as LambdaVariableInput } from '../../proto/gen/spark/connect/Expression.ts';
import {
  call,
  Column,
  type ColumnOrName,
  type ColumnOrValue,
  columnNamed,
  columnOf,
  literalColumn,
  toColumn,
} from './column.ts';
import type { LiteralValue } from './literal.ts';

type One = (column: ColumnOrName) => Column;
type Two = (left: ColumnOrName, right: ColumnOrName) => Column;
type Many = (...columns: readonly ColumnOrName[]) => Column;
type None = () => Column;

const none =
  (name: string): None =>
  () =>
    call(name);
const one =
  (name: string): One =>
  (column) =>
    call(name, columnOf(column));
const two =
  (name: string): Two =>
  (left, right) =>
    call(name, columnOf(left), columnOf(right));
const many =
  (name: string): Many =>
  (...columns) =>
    call(name, ...columns.map(columnOf));

// The building blocks.
export const col = (name: string): Column => columnNamed(name);
export const lit = (value: ColumnOrValue): Column => toColumn(value);
/** An expression in Spark's SQL. */
export const expr = (sql: string): Column => new Column({ expressionString: { expression: sql } });
/** Any function of the server, also one that is not listed here. */
export const call_function = (name: string, ...columns: readonly ColumnOrName[]): Column =>
  new Column({
    callFunction: { functionName: name, arguments: columns.map((column) => columnOf(column).expression) },
  });
/** The first branch of a CASE; `.when(...)` adds one and `.otherwise(...)` ends it. */
export const when = (condition: Column, value: ColumnOrValue): Column =>
  call('when', condition, toColumn(value));
export const asc = (column: ColumnOrName): Column => columnOf(column).asc();
export const asc_nulls_last = (column: ColumnOrName): Column => columnOf(column).ascNullsLast();
export const desc = (column: ColumnOrName): Column => columnOf(column).desc();
export const desc_nulls_first = (column: ColumnOrName): Column => columnOf(column).descNullsFirst();
export const not = (column: ColumnOrName): Column => columnOf(column).not();

// Aggregates.
export const count = (column: ColumnOrName): Column =>
  call('count', column === '*' ? literalColumn(1) : columnOf(column));
export const countDistinct = (...columns: readonly ColumnOrName[]): Column => distinctCall('count', columns);
export const sum_distinct = (column: ColumnOrName): Column => distinctCall('sum', [column]);
export const sum = one('sum');
export const avg = one('avg');
export const mean = one('avg');
export const min = one('min');
export const max = one('max');
export const first = (column: ColumnOrName, ignoreNulls = false): Column =>
  call('first', columnOf(column), literalColumn(ignoreNulls));
export const last = (column: ColumnOrName, ignoreNulls = false): Column =>
  call('last', columnOf(column), literalColumn(ignoreNulls));
export const stddev = one('stddev');
export const stddev_pop = one('stddev_pop');
export const variance = one('variance');
export const var_pop = one('var_pop');
export const median = one('median');
export const mode = one('mode');
export const corr = two('corr');
export const covar_samp = two('covar_samp');
export const collect_list = one('collect_list');
export const collect_set = one('collect_set');
export const approx_count_distinct = one('approx_count_distinct');
export const percentile_approx = (column: ColumnOrName, percentage: number, accuracy = 10_000): Column =>
  call('percentile_approx', columnOf(column), literalColumn(percentage), literalColumn(accuracy));
export const max_by = two('max_by');
export const min_by = two('min_by');
export const bool_and = one('bool_and');
export const bool_or = one('bool_or');
export const grouping = one('grouping');

// Window functions.
export const row_number = none('row_number');
export const rank = none('rank');
export const dense_rank = none('dense_rank');
export const percent_rank = none('percent_rank');
export const cume_dist = none('cume_dist');
export const ntile = (buckets: number): Column => call('ntile', literalColumn(buckets));
export const lag = (column: ColumnOrName, offset = 1, otherwise: LiteralValue = null): Column =>
  call('lag', columnOf(column), literalColumn(offset), literalColumn(otherwise));
export const lead = (column: ColumnOrName, offset = 1, otherwise: LiteralValue = null): Column =>
  call('lead', columnOf(column), literalColumn(offset), literalColumn(otherwise));

// Numbers.
export const abs = one('abs');
export const sqrt = one('sqrt');
export const cbrt = one('cbrt');
export const exp = one('exp');
export const ln = one('ln');
export const log10 = one('log10');
export const log2 = one('log2');
export const ceil = one('ceil');
export const floor = one('floor');
export const signum = one('signum');
export const sin = one('sin');
export const cos = one('cos');
export const tan = one('tan');
export const degrees = one('degrees');
export const radians = one('radians');
export const pow = (base: ColumnOrName, exponent: ColumnOrName | number): Column =>
  call('power', columnOf(base), columnOrNumber(exponent));
export const pmod = two('pmod');
export const round = (column: ColumnOrName, digits = 0): Column =>
  call('round', columnOf(column), literalColumn(digits));
export const bround = (column: ColumnOrName, digits = 0): Column =>
  call('bround', columnOf(column), literalColumn(digits));
export const greatest = many('greatest');
export const least = many('least');
export const rand = (seed?: number): Column =>
  call('rand', ...(seed === undefined ? [] : [literalColumn(seed)]));
export const hash = many('hash');
export const xxhash64 = many('xxhash64');

// Nulls.
export const coalesce = many('coalesce');
export const isnull = one('isnull');
export const isnan = one('isnan');
export const nullif = two('nullif');
export const ifnull = two('ifnull');
export const nanvl = two('nanvl');

// Text.
export const upper = one('upper');
export const lower = one('lower');
export const initcap = one('initcap');
export const trim = one('trim');
export const ltrim = one('ltrim');
export const rtrim = one('rtrim');
export const length = one('length');
export const reverse = one('reverse');
export const ascii = one('ascii');
export const base64 = one('base64');
export const unbase64 = one('unbase64');
export const md5 = one('md5');
export const sha1 = one('sha1');
export const sha2 = (column: ColumnOrName, bits: 224 | 256 | 384 | 512): Column =>
  call('sha2', columnOf(column), literalColumn(bits));
export const crc32 = one('crc32');
export const concat = many('concat');
export const concat_ws = (separator: string, ...columns: readonly ColumnOrName[]): Column =>
  call('concat_ws', literalColumn(separator), ...columns.map(columnOf));
export const substring = (column: ColumnOrName, start: number, length: number): Column =>
  call('substring', columnOf(column), literalColumn(start), literalColumn(length));
export const split = (column: ColumnOrName, pattern: string, limit = -1): Column =>
  call('split', columnOf(column), literalColumn(pattern), literalColumn(limit));
export const lpad = (column: ColumnOrName, length: number, pad: string): Column =>
  call('lpad', columnOf(column), literalColumn(length), literalColumn(pad));
export const rpad = (column: ColumnOrName, length: number, pad: string): Column =>
  call('rpad', columnOf(column), literalColumn(length), literalColumn(pad));
export const repeat = (column: ColumnOrName, times: number): Column =>
  call('repeat', columnOf(column), literalColumn(times));
export const instr = (column: ColumnOrName, text: string): Column =>
  call('instr', columnOf(column), literalColumn(text));
export const translate = (column: ColumnOrName, from: string, to: string): Column =>
  call('translate', columnOf(column), literalColumn(from), literalColumn(to));
export const regexp_replace = (column: ColumnOrName, pattern: string, replacement: string): Column =>
  call('regexp_replace', columnOf(column), literalColumn(pattern), literalColumn(replacement));
export const regexp_extract = (column: ColumnOrName, pattern: string, group: number): Column =>
  call('regexp_extract', columnOf(column), literalColumn(pattern), literalColumn(group));
export const format_number = (column: ColumnOrName, digits: number): Column =>
  call('format_number', columnOf(column), literalColumn(digits));
export const format_string = (format: string, ...columns: readonly ColumnOrName[]): Column =>
  call('format_string', literalColumn(format), ...columns.map(columnOf));
export const levenshtein = two('levenshtein');
export const get_json_object = (column: ColumnOrName, path: string): Column =>
  call('get_json_object', columnOf(column), literalColumn(path));
export const to_json = one('to_json');
/**
 * Reads JSON text as a struct (or array, or map). `schema` is DDL ('product STRING, msec DOUBLE') or a type; a text that is no JSON gives null fields,
 * as does a value of another kind. `options`: mode (PERMISSIVE, FAILFAST), timestampFormat, dateFormat, columnNameOfCorruptRecord.
 */
export const from_json = (
  column: ColumnOrName,
  schema: string,
  options: Readonly<Record<string, string>> = {},
): Column => call('from_json', columnOf(column), literalColumn(schema), ...optionsMap(options));
/** The DDL type of a JSON text that is given here. */
export const schema_of_json = (json: string): Column => call('schema_of_json', literalColumn(json));
/** Several fields of a JSON object as columns c0, c1, ... */
export const json_tuple = (column: ColumnOrName, ...fields: readonly string[]): Column =>
  call('json_tuple', columnOf(column), ...fields.map(literalColumn));

// Dates and times.
export const current_date = none('current_date');
export const current_timestamp = none('current_timestamp');
export const year = one('year');
export const quarter = one('quarter');
export const month = one('month');
export const dayofmonth = one('dayofmonth');
export const dayofweek = one('dayofweek');
export const dayofyear = one('dayofyear');
export const weekofyear = one('weekofyear');
export const hour = one('hour');
export const minute = one('minute');
export const second = one('second');
export const last_day = one('last_day');
export const to_date = (column: ColumnOrName, format?: string): Column =>
  formatted('to_date', column, format);
export const to_timestamp = (column: ColumnOrName, format?: string): Column =>
  formatted('to_timestamp', column, format);
export const unix_timestamp = (column: ColumnOrName, format?: string): Column =>
  formatted('unix_timestamp', column, format);
export const from_unixtime = (column: ColumnOrName, format?: string): Column =>
  formatted('from_unixtime', column, format);
export const date_format = (column: ColumnOrName, format: string): Column =>
  formatted('date_format', column, format);
export const date_trunc = (unit: string, column: ColumnOrName): Column =>
  call('date_trunc', literalColumn(unit), columnOf(column));
export const trunc = (column: ColumnOrName, unit: string): Column => formatted('trunc', column, unit);
export const date_add = (column: ColumnOrName, days: ColumnOrName | number): Column =>
  call('date_add', columnOf(column), columnOrNumber(days));
export const date_sub = (column: ColumnOrName, days: ColumnOrName | number): Column =>
  call('date_sub', columnOf(column), columnOrNumber(days));
export const add_months = (column: ColumnOrName, months: ColumnOrName | number): Column =>
  call('add_months', columnOf(column), columnOrNumber(months));
/** Days from `start` to `end`. */
export const datediff = (end: ColumnOrName, start: ColumnOrName): Column =>
  call('datediff', columnOf(end), columnOf(start));
export const months_between = two('months_between');
/** Seconds since 1970, with a fraction, as a time; likewise the next two. */
export const timestamp_seconds = one('timestamp_seconds');
export const timestamp_millis = one('timestamp_millis');
export const timestamp_micros = one('timestamp_micros');
/**
 * The window of event time that a row is in: a struct {start, end}, to group by. `length` ('5 minutes') apart, or every `slide`, and then
 * a row is in several; windows start at multiples since 1970 UTC, moved by `start`.
 */
export const window = (time: ColumnOrName, length: string, slide?: string, start?: string): Column => {
  const every = slide ?? (start === undefined ? undefined : length);
  const rest = [length, every, start].filter((each) => each !== undefined);
  return call('window', columnOf(time), ...rest.map(literalColumn));
};
/** The last instant of a window: the event time of what was grouped by it. */
export const window_time = one('window_time');
export const from_utc_timestamp = (column: ColumnOrName, zone: string): Column =>
  formatted('from_utc_timestamp', column, zone);
export const to_utc_timestamp = (column: ColumnOrName, zone: string): Column =>
  formatted('to_utc_timestamp', column, zone);

// Arrays, maps, structs.
export const array = many('array');
export const struct = many('struct');
/** Keys and values in turn. */
export const create_map = many('map');
export const size = one('size');
export const explode = one('explode');
export const explode_outer = one('explode_outer');
export const posexplode = one('posexplode');
export const array_contains = (column: ColumnOrName, value: ColumnOrValue): Column =>
  call('array_contains', columnOf(column), toColumn(value));
export const array_distinct = one('array_distinct');
export const array_join = (column: ColumnOrName, separator: string): Column =>
  call('array_join', columnOf(column), literalColumn(separator));
export const array_max = one('array_max');
export const array_min = one('array_min');
export const sort_array = (column: ColumnOrName, ascending = true): Column =>
  call('sort_array', columnOf(column), literalColumn(ascending));
/** `key` of an array counts from 1. */
export const element_at = (column: ColumnOrName, key: ColumnOrValue): Column =>
  call('element_at', columnOf(column), toColumn(key));
export const slice = (column: ColumnOrName, start: number, length: number): Column =>
  call('slice', columnOf(column), literalColumn(start), literalColumn(length));
export const flatten = one('flatten');
export const sequence = many('sequence');
export const map_keys = one('map_keys');
export const map_values = one('map_values');
export const transform = (column: ColumnOrName, map: (element: Column) => Column): Column =>
  call('transform', columnOf(column), lambda(map));
export const filter = (column: ColumnOrName, keep: (element: Column) => Column): Column =>
  call('filter', columnOf(column), lambda(keep));
export const exists = (column: ColumnOrName, test: (element: Column) => Column): Column =>
  call('exists', columnOf(column), lambda(test));
export const forall = (column: ColumnOrName, test: (element: Column) => Column): Column =>
  call('forall', columnOf(column), lambda(test));
export const aggregate = (
  column: ColumnOrName,
  initial: ColumnOrValue,
  merge: (accumulator: Column, element: Column) => Column,
): Column => call('aggregate', columnOf(column), toColumn(initial), lambda(merge));

// The rest.
export const monotonically_increasing_id = none('monotonically_increasing_id');
export const spark_partition_id = none('spark_partition_id');
export const input_file_name = none('input_file_name');
export const typeof_ = one('typeof');

function optionsMap(options: Readonly<Record<string, string>>): Column[] {
  const entries = Object.entries(options).flat();
  return entries.length === 0 ? [] : [call('map', ...entries.map(literalColumn))];
}

function distinctCall(name: string, columns: readonly ColumnOrName[]): Column {
  return new Column({
    unresolvedFunction: {
      functionName: name,
      arguments: columns.map((column) => columnOf(column).expression),
      isDistinct: true,
    },
  });
}

function formatted(name: string, column: ColumnOrName, format: string | undefined): Column {
  return call(name, columnOf(column), ...(format === undefined ? [] : [literalColumn(format)]));
}

function columnOrNumber(value: ColumnOrName | number): Column {
  return typeof value === 'number' ? literalColumn(value) : columnOf(value);
}

let lambdaVariables = 0;

/** Variables of nested lambdas must differ, so they are numbered. */
function lambda(body: (...variables: Column[]) => Column): Column {
  const names = ['x', 'y', 'z'].slice(0, body.length).map((name) => `${name}_${lambdaVariables++}`);
  const variables: LambdaVariableInput[] = names.map((name) => ({ nameParts: [name] }));
  const result = body(
    ...variables.map((unresolvedNamedLambdaVariable) => new Column({ unresolvedNamedLambdaVariable })),
  );
  return new Column({ lambdaFunction: { function: result.expression, arguments: variables } });
}
