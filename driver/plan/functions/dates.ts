import { unsupported } from '../errors.ts';
import type { Expression } from '../expression.ts';
import type { SparkType } from '../spark-type.ts';
import {
  DATE,
  DOUBLE,
  INTEGER,
  LONG,
  STRING,
  TIMESTAMP,
  TIMESTAMP_NTZ,
  isTimestamp,
} from '../types/coercion.ts';
import { quoteText } from '../types/duckdb-type.ts';
import { strftimePattern } from './date-pattern.ts';
import {
  FunctionFamily,
  bindSignature,
  coerce,
  fillTemplate,
  literalText,
  type FunctionSpec,
  type RenderedCall,
} from './function-spec.ts';

const DAYS: Readonly<Record<string, number>> = { su: 0, mo: 1, tu: 2, we: 3, th: 4, fr: 5, sa: 6 };

function patternOf(arg: Expression | undefined): string {
  const text = literalText(arg);
  if (text === undefined) throw unsupported('A date pattern that is no constant');
  return quoteText(strftimePattern(text));
}

/** strptime takes `%H:%M` only for two digits where `%-H` is meant for one; it reads both with the plain letter. */
function readPattern(arg: Expression | undefined): string {
  return patternOf(arg).replaceAll('%-', '%');
}

/** A date where the name gives one, else an instant; both print in the session's zone. */
function local(value: string, type: SparkType): string {
  return type.kind === 'timestamp' ? `CAST(${value} AS TIMESTAMP)` : value;
}

function renderFormat([value]: readonly string[], call: RenderedCall): string {
  return `strftime(${local(value!, call.args[0]!.type)}, ${patternOf(call.args[1])})`;
}

/** Text by a pattern, or by Spark's own forms without one; a date or time is cast. */
function parsed(target: SparkType, key: string, lenient: boolean): Omit<FunctionSpec, 'key'> {
  return {
    kind: 'scalar',
    bind: (args, context) => {
      const [input, pattern] = bindSignature(key, 'any string?', args);
      const soft = lenient || !context.ansi;
      if (pattern === undefined || input!.type.kind !== 'string') {
        const value: Expression = {
          kind: 'cast',
          input: input!,
          type: target,
          nullable: input!.nullable || soft,
          try: soft,
        };
        return { key: '$same', args: [value], type: target, nullable: value.nullable };
      }
      return {
        key: `${soft ? '$try_parse' : '$parse'}_${target.kind}`,
        args: [input!, pattern],
        type: target,
        nullable: input!.nullable || soft,
      };
    },
    render: () => 'NULL',
    display: (names) => `${key}(${names.join(', ')})`,
  };
}

function truncUnit(arg: Expression | undefined): string | undefined {
  const units: Readonly<Record<string, string>> = {
    year: 'year',
    yyyy: 'year',
    yy: 'year',
    quarter: 'quarter',
    month: 'month',
    mm: 'month',
    mon: 'month',
    week: 'week',
    day: 'day',
    dd: 'day',
    hour: 'hour',
    minute: 'minute',
    second: 'second',
    millisecond: 'millisecond',
    microsecond: 'microsecond',
  };
  return units[(literalText(arg) ?? '').toLowerCase()];
}

function part(name: string, template: string, family: FunctionFamily): FunctionFamily {
  return family.add(name, 'temporal', INTEGER, ([value], call) =>
    fillTemplate(template, [local(value!, call.args[0]!.type)]),
  );
}

/** Whole months, and the rest in 31sts, unless both are the same day of the month or both its last. */
const MONTHS_BETWEEN = (a: string, b: string): string =>
  `CASE WHEN day(${a}) = day(${b}) OR (CAST(${a} AS DATE) = last_day(CAST(${a} AS DATE)) AND CAST(${b} AS DATE) = last_day(CAST(${b} AS DATE))) THEN CAST((year(${a}) - year(${b})) * 12 + month(${a}) - month(${b}) AS DOUBLE) ELSE (year(${a}) - year(${b})) * 12 + month(${a}) - month(${b}) + ((day(${a}) - day(${b})) * 86400 + (epoch(CAST(${a} AS TIMESTAMP)) - epoch(CAST(CAST(${a} AS DATE) AS TIMESTAMP))) - (epoch(CAST(${b} AS TIMESTAMP)) - epoch(CAST(CAST(${b} AS DATE) AS TIMESTAMP)))) / 2678400.0 END`;

/** The last day of a month stays inside the month it is moved to, and no more: DuckDB's rule is Spark's. */
const unixName = (name: string) => (n: readonly string[]) =>
  `${name}(${n[0] ?? 'current_timestamp()'}, ${n[1] ?? 'yyyy-MM-dd HH:mm:ss'})`;

function unixTimestamp([value, pattern]: readonly string[], call: RenderedCall): string {
  if (value === undefined) return 'CAST(floor(epoch(now())) AS BIGINT)';
  if (call.args[0]!.type.kind !== 'string') {
    return `CAST(floor(epoch(CAST(${value} AS TIMESTAMPTZ))) AS BIGINT)`;
  }
  const format = pattern === undefined ? "'%Y-%m-%d %H:%M:%S'" : readPattern(call.args[1]);
  return `CAST(floor(epoch(CAST(try_strptime(${value}, ${format}) AS TIMESTAMPTZ))) AS BIGINT)`;
}

const family = new FunctionFamily()
  .add('$same', 'any', DATE, '$1', { exact: true })
  .add('current_date curdate', '', DATE, 'current_date', {
    nullable: 'never',
    display: () => 'current_date()',
  })
  .add('current_timestamp now', '', TIMESTAMP, 'now()', { nullable: 'never' })
  .add('localtimestamp', '', TIMESTAMP_NTZ, 'CAST(now() AS TIMESTAMP)', { nullable: 'never' })
  .add('current_timezone', '', STRING, `current_setting('TimeZone')`, { nullable: 'never' })
  .add('date_add dateadd', 'date int', DATE, '($1 + $2)', { display: (n) => `date_add(${n.join(', ')})` })
  .add('date_sub', 'date int', DATE, '($1 - $2)')
  .add('datediff date_diff', 'date date', INTEGER, '($1 - $2)')
  .add('add_months', 'date int', DATE, '($1 + to_months($2))')
  .add(
    'months_between',
    'temporal temporal boolean?',
    DOUBLE,
    ([a, b], call) => {
      const value = MONTHS_BETWEEN(local(a!, call.args[0]!.type), local(b!, call.args[1]!.type));
      return literalText(call.args[2]) === 'false' ? value : `round(${value}, 8)`;
    },
    { display: (n) => `months_between(${n[0]}, ${n[1]}, ${n[2] ?? 'true'})` },
  )
  .add('last_day', 'date', DATE, 'last_day($1)')
  .add('next_day', 'date string', DATE, ([value], call) => {
    const day = DAYS[(literalText(call.args[1]) ?? '').slice(0, 2).toLowerCase()];
    if (day === undefined) throw unsupported('next_day with a day that is no constant');
    return `(${value} + CAST((((${day} - dayofweek(${value}) - 1) % 7 + 7) % 7) + 1 AS INTEGER))`;
  })
  .special('to_date', parsed(DATE, 'to_date', false))
  .special('try_to_date', parsed(DATE, 'try_to_date', true))
  .special('to_timestamp', parsed(TIMESTAMP, 'to_timestamp', false))
  .special('try_to_timestamp', parsed(TIMESTAMP, 'try_to_timestamp', true))
  .special('to_timestamp_ntz', parsed(TIMESTAMP_NTZ, 'to_timestamp_ntz', false))
  .special('to_timestamp_ltz', parsed(TIMESTAMP, 'to_timestamp_ltz', false))
  .add('$parse_date', 'any any', DATE, ([value], call) => `strptime(${value}, ${readPattern(call.args[1])})`)
  .add(
    '$try_parse_date',
    'any any',
    DATE,
    ([value], call) => `try_strptime(${value}, ${readPattern(call.args[1])})`,
  )
  .add(
    '$parse_timestamp',
    'any any',
    TIMESTAMP,
    ([value], call) => `CAST(strptime(${value}, ${readPattern(call.args[1])}) AS TIMESTAMPTZ)`,
  )
  .add(
    '$try_parse_timestamp',
    'any any',
    TIMESTAMP,
    ([value], call) => `CAST(try_strptime(${value}, ${readPattern(call.args[1])}) AS TIMESTAMPTZ)`,
  )
  .add(
    '$parse_timestamp_ntz',
    'any any',
    TIMESTAMP_NTZ,
    ([value], call) => `strptime(${value}, ${readPattern(call.args[1])})`,
  )
  .add(
    '$try_parse_timestamp_ntz',
    'any any',
    TIMESTAMP_NTZ,
    ([value], call) => `try_strptime(${value}, ${readPattern(call.args[1])})`,
  )
  .add('date_format', 'temporal string', STRING, renderFormat)
  .add(
    'from_unixtime',
    'long string?',
    STRING,
    ([value], call) =>
      `strftime(CAST(to_timestamp(CAST(${value} AS DOUBLE)) AS TIMESTAMP), ${call.args[1] === undefined ? "'%Y-%m-%d %H:%M:%S'" : patternOf(call.args[1])})`,
    { display: (n) => `from_unixtime(${n[0]}, ${n[1] ?? 'yyyy-MM-dd HH:mm:ss'})` },
  )
  .add('unix_timestamp', 'any? string?', LONG, unixTimestamp, { display: unixName('unix_timestamp') })
  .add('to_unix_timestamp', 'any? string?', LONG, unixTimestamp, { display: unixName('to_unix_timestamp') })
  .add(
    'date_trunc',
    'string temporal',
    ([, value]) => (isTimestamp(value!.type) ? value!.type : TIMESTAMP),
    ([, value], call) => {
      const unit = truncUnit(call.args[0]);
      const target = call.args[1]!.type.kind === 'date' ? `CAST(${value} AS TIMESTAMPTZ)` : value!;
      return unit === undefined ? 'NULL' : `date_trunc('${unit}', ${target})`;
    },
  )
  .add('trunc', 'date string', DATE, ([value], call) => {
    const unit = truncUnit(call.args[1]);
    return unit === undefined || ['day', 'hour', 'minute', 'second'].includes(unit)
      ? 'NULL'
      : `date_trunc('${unit}', ${value})`;
  })
  .add('make_date', 'int int int', DATE, 'make_date($1, $2, $3)')
  .add(
    'make_timestamp',
    'int int int int int double',
    TIMESTAMP,
    'CAST(make_timestamp($1, $2, $3, $4, $5, $6) AS TIMESTAMPTZ)',
  )
  .add(
    'make_timestamp_ntz',
    'int int int int int double',
    TIMESTAMP_NTZ,
    'make_timestamp($1, $2, $3, $4, $5, $6)',
  )
  .add('date_from_unix_date', 'int', DATE, `(DATE '1970-01-01' + $1)`)
  .add('unix_date', 'date', INTEGER, `($1 - DATE '1970-01-01')`)
  .add('timestamp_seconds', 'double', TIMESTAMP, 'to_timestamp($1)')
  .add('timestamp_millis', 'long', TIMESTAMP, 'make_timestamptz($1 * 1000)')
  .add('timestamp_micros', 'long', TIMESTAMP, 'make_timestamptz($1)')
  .add('unix_seconds', 'timestamp', LONG, 'CAST(floor(epoch_us($1) / 1000000) AS BIGINT)')
  .add('unix_millis', 'timestamp', LONG, 'CAST(floor(epoch_us($1) / 1000) AS BIGINT)')
  .add('unix_micros', 'timestamp', LONG, 'epoch_us($1)')
  .add(
    'from_utc_timestamp',
    'timestamp string',
    TIMESTAMP,
    ([value, zone]) => `CAST(timezone(${zone}, timezone('UTC', CAST(${value} AS TIMESTAMP))) AS TIMESTAMPTZ)`,
  )
  .add(
    'to_utc_timestamp',
    'timestamp string',
    TIMESTAMP,
    ([value, zone]) => `CAST(timezone('UTC', timezone(${zone}, CAST(${value} AS TIMESTAMP))) AS TIMESTAMPTZ)`,
  )
  .add(
    'convert_timezone',
    'string string timestamp',
    TIMESTAMP_NTZ,
    ([from, to, value]) => `timezone(${to}, timezone(${from}, CAST(${value} AS TIMESTAMP)))`,
  )
  .add(
    'timestampadd',
    'string int temporal',
    ([, , value]) => (isTimestamp(value!.type) ? value!.type : TIMESTAMP),
    ([, amount, value], call) =>
      `(CAST(${value} AS ${call.type.kind === 'timestamp' ? 'TIMESTAMPTZ' : 'TIMESTAMP'}) + to_${(literalText(call.args[0]) ?? 'day').toLowerCase().replace(/s$/, '')}s(${amount}))`,
  )
  .add(
    'timestampdiff',
    'string temporal temporal',
    LONG,
    ([, from, to], call) =>
      `date_sub('${(literalText(call.args[0]) ?? 'day').toLowerCase()}', ${local(from!, call.args[1]!.type)}, ${local(to!, call.args[2]!.type)})`,
  )
  .add(
    'dayname',
    'temporal',
    STRING,
    ([value], call) => `strftime(${local(value!, call.args[0]!.type)}, '%a')`,
  )
  .add(
    'monthname',
    'temporal',
    STRING,
    ([value], call) => `strftime(${local(value!, call.args[0]!.type)}, '%b')`,
  )
  .add(
    'second',
    'temporal',
    INTEGER,
    ([value], call) => `CAST(second(${local(value!, call.args[0]!.type)}) AS INTEGER)`,
  );

for (const [name, template] of [
  ['year', 'year($1)'],
  ['quarter', 'quarter($1)'],
  ['month', 'month($1)'],
  ['day', 'day($1)'],
  ['dayofmonth', 'day($1)'],
  ['dayofweek', '(dayofweek($1) + 1)'],
  ['weekday', '(isodow($1) - 1)'],
  ['dayofyear', 'dayofyear($1)'],
  ['weekofyear', 'week($1)'],
  ['hour', 'hour($1)'],
  ['minute', 'minute($1)'],
] as const) {
  part(name, template, family);
}

function interval(value: string, kind: 'year_month' | 'day_time'): Omit<FunctionSpec, 'key'> {
  return {
    kind: 'scalar',
    exact: true,
    bind: (args) => {
      const type: SparkType =
        kind === 'year_month'
          ? { kind: 'year_month_interval', start: 0, end: 1 }
          : { kind: 'day_time_interval', start: 0, end: 3 };
      const bound = args.map((arg, index) =>
        coerce(arg, kind === 'day_time' && index === 3 ? DOUBLE : INTEGER),
      );
      return { key: value, args: bound, type, nullable: args.some((arg) => arg.nullable) };
    },
    render: (args) =>
      kind === 'year_month'
        ? `to_months(CAST(${args[0] ?? '0'} * 12 + ${args[1] ?? '0'} AS INTEGER))`
        : `to_microseconds(CAST((${args[0] ?? '0'} * 86400 + ${args[1] ?? '0'} * 3600 + ${args[2] ?? '0'} * 60 + ${args[3] ?? '0'}) * 1000000 AS BIGINT))`,
  };
}

export const dates = family
  .special('make_ym_interval', interval('make_ym_interval', 'year_month'))
  .special('make_dt_interval', interval('make_dt_interval', 'day_time'));
