import type { Expression } from '../expression.ts';
import type { SparkType } from '../spark-type.ts';
import {
  BOOLEAN,
  DOUBLE,
  LONG,
  arrayOf,
  boundedDecimal,
  isIntegral,
  type DecimalType,
} from '../types/coercion.ts';
import {
  FunctionFamily,
  bindSignature,
  firstType,
  literalText,
  raise,
  type FunctionSpec,
  type RenderedCall,
} from './function-spec.ts';
import { renderDecimalDivision } from './decimal-arithmetic.ts';

/** Where FILTER and OVER go when a template wraps the kernel's aggregate; the renderer replaces it. */
const MARK = '/*filter*/';

export function sumType([input]: readonly Expression[]): SparkType {
  const type = input!.type;
  if (type.kind === 'decimal') return boundedDecimal(type.precision + 10, type.scale);
  if (isIntegral(type)) return LONG;
  return type.kind === 'day_time_interval' || type.kind === 'year_month_interval' ? type : DOUBLE;
}

export function averageType([input]: readonly Expression[]): SparkType {
  const type = input!.type;
  if (type.kind === 'decimal') return boundedDecimal(type.precision + 4, type.scale + 4);
  return type.kind === 'day_time_interval' || type.kind === 'year_month_interval' ? type : DOUBLE;
}

const COUNT_TYPE: DecimalType = { kind: 'decimal', precision: 20, scale: 0 };

/** Spark divides the exact sum by the count and rounds half up; DuckDB's avg of a decimal goes through a double. */
function renderAverage(args: readonly string[], call: RenderedCall): string {
  const type = call.args[0]!.type;
  if (type.kind !== 'decimal' || call.type.kind !== 'decimal') return `avg(${args[0]})`;
  const sum = boundedDecimal(type.precision + 10, type.scale);
  const count = `count(${args[0]})${MARK}`;
  const quotient = renderDecimalDivision(
    { sql: `sum(${args[0]})${MARK}`, type: sum },
    { sql: `nullif(${count}, 0)`, type: COUNT_TYPE },
    call.type,
  );
  return quotient;
}

/** A NaN or an infinity makes a variance NaN; the kernel would fail with it instead. */
function statistic(kernel: string) {
  return (args: readonly string[]): string => {
    const [value] = args;
    if (value!.startsWith('DISTINCT ')) return `${kernel}(${value})`;
    return `CASE WHEN bool_or(NOT isfinite(${value}))${MARK} THEN 'nan'::DOUBLE ELSE ${kernel}(CASE WHEN isfinite(${value}) THEN ${value} END)${MARK} END`;
  };
}

function percentileArgs(args: readonly Expression[]): SparkType {
  return args[1]?.type.kind === 'array' ? arrayOf(DOUBLE, false) : DOUBLE;
}

function renderPercentile(args: readonly string[], call: RenderedCall): string {
  const text = literalText(call.args[1]);
  return `quantile_cont(${args[0]}, ${text ?? args[1]})`;
}

/** DuckDB's approximate quantile interpolates; Spark's answer is one of the values, so the exact discrete one stands in. */
function renderApproximatePercentile(args: readonly string[], call: RenderedCall): string {
  return `quantile_disc(${args[0]}, ${literalText(call.args[1]) ?? args[1]})`;
}

/** A separator that is missing or null is none. */
function joinedText(args: readonly string[], call: RenderedCall): string {
  return `string_agg(${args[0]}, ${literalText(call.args[1]) === undefined ? "''" : args[1]})`;
}

function isPresent(value: Expression): Expression {
  return { kind: 'call', name: 'isnotnull', args: [value], type: BOOLEAN, nullable: false };
}

/** `first(x)` and `first(x, true)`: whether nulls are passed over is a constant. */
function picked(key: 'first' | 'last'): Omit<FunctionSpec, 'key'> {
  return {
    kind: 'aggregate',
    bind: (given) => {
      const args = bindSignature(key, 'any boolean?', given);
      const value = args[0]!;
      const bound = { key, args: [value], type: value.type, nullable: true };
      return literalText(args[1]) === 'true' ? { ...bound, filter: isPresent(value) } : bound;
    },
    render: ([value]) => `${key}(${value})`,
    display: ([value]) => `${key}(${value})`,
  };
}

function collected(key: 'collect_list' | 'collect_set', kernel: string): Omit<FunctionSpec, 'key'> {
  return {
    kind: 'aggregate',
    bind: (given) => {
      const args = bindSignature(key, 'any', given);
      const value = args[0]!;
      return { key, args, type: arrayOf(value.type, false), nullable: false, filter: isPresent(value) };
    },
    render: ([value]) => `coalesce(${kernel}${value})${MARK}, [])`,
    display: ([value]) => `${key}(${value})`,
  };
}

export const aggregates = new FunctionFamily()
  .special('count', {
    kind: 'aggregate',
    exact: true,
    bind: (args) => ({ key: 'count', args, type: LONG, nullable: false }),
    render: (args, call) => {
      if (args.length <= 1) return `count(${args[0] ?? '*'})`;
      // A row counts when none of the values is null.
      const [first, ...rest] = args;
      const plain = first!.replace(/^DISTINCT /, '');
      const present = [plain, ...rest].map((arg) => `${arg} IS NOT NULL`).join(' AND ');
      const row = `CASE WHEN ${present} THEN row(${[plain, ...rest].join(', ')}) END`;
      return `count(${call.distinct === true || first !== plain ? 'DISTINCT ' : ''}${row})`;
    },
  })
  .aggregate(
    '$single',
    'any',
    firstType,
    (args) =>
      `CASE WHEN count(*) > 1 THEN ${raise('SCALAR_SUBQUERY_TOO_MANY_ROWS', 'More than one row returned by a subquery used as an expression.', '21000')} ELSE first(${args[0]}) END`,
  )
  .special('grouping_id', {
    kind: 'aggregate',
    bind: (args) => ({ key: 'grouping_id', args, type: LONG, nullable: false }),
    render: (args) => `grouping_id(${args.join(', ')})`,
  })
  .aggregate('sum', 'numeric', sumType, 'sum($1)')
  .aggregate('try_sum', 'numeric', sumType, 'sum($1)')
  .aggregate('avg mean try_avg', 'numeric', averageType, renderAverage)
  .aggregate('min', 'any', firstType, 'min($1)')
  .aggregate('max', 'any', firstType, 'max($1)')
  .special('first', picked('first'))
  .special('first_value', { ...picked('first'), display: ([value]) => `first_value(${value})` })
  .special('last', picked('last'))
  .special('last_value', { ...picked('last'), display: ([value]) => `last_value(${value})` })
  .special('any_value', { ...picked('first'), display: ([value]) => `any_value(${value})` })
  .special('collect_list array_agg', collected('collect_list', 'list('))
  .special('collect_set', collected('collect_set', 'list(DISTINCT '))
  .aggregate('stddev stddev_samp std', 'double', DOUBLE, statistic('stddev_samp'))
  .aggregate('stddev_pop', 'double', DOUBLE, statistic('stddev_pop'))
  .aggregate('variance var_samp', 'double', DOUBLE, statistic('var_samp'))
  .aggregate('var_pop', 'double', DOUBLE, statistic('var_pop'))
  .aggregate(
    'skewness',
    'double',
    DOUBLE,
    `(CASE WHEN count($1)${MARK} = 0 THEN NULL WHEN var_pop($1)${MARK} = 0 THEN 'nan'::DOUBLE ELSE (avg($1 * $1 * $1)${MARK} - 3 * avg($1)${MARK} * var_pop($1)${MARK} - power(avg($1)${MARK}, 3)) / power(var_pop($1)${MARK}, 1.5) END)`,
  )
  .aggregate('kurtosis', 'double', DOUBLE, 'kurtosis_pop($1)')
  .aggregate('corr', 'double double', DOUBLE, 'corr($1, $2)')
  .aggregate('covar_pop', 'double double', DOUBLE, 'covar_pop($1, $2)')
  .aggregate('covar_samp', 'double double', DOUBLE, 'covar_samp($1, $2)')
  .aggregate('regr_count', 'double double', LONG, 'regr_count($1, $2)', { nullable: 'never' })
  .aggregate('regr_avgx', 'double double', DOUBLE, 'regr_avgx($1, $2)')
  .aggregate('regr_avgy', 'double double', DOUBLE, 'regr_avgy($1, $2)')
  .aggregate('regr_slope', 'double double', DOUBLE, 'regr_slope($1, $2)')
  .aggregate('regr_intercept', 'double double', DOUBLE, 'regr_intercept($1, $2)')
  .aggregate('regr_r2', 'double double', DOUBLE, 'regr_r2($1, $2)')
  .aggregate('regr_sxx', 'double double', DOUBLE, 'regr_sxx($1, $2)')
  .aggregate('regr_syy', 'double double', DOUBLE, 'regr_syy($1, $2)')
  .aggregate('regr_sxy', 'double double', DOUBLE, 'regr_sxy($1, $2)')
  .aggregate('median', 'double', DOUBLE, 'median($1)')
  .aggregate('mode', 'any', firstType, 'mode($1)')
  .aggregate('percentile', 'double any any?', percentileArgs, renderPercentile, {
    display: (names) => `percentile(${[...names.slice(0, 2), names[2] ?? '1'].join(', ')})`,
  })
  .aggregate(
    'percentile_approx approx_percentile',
    'any any any?',
    (args) => (args[1]?.type.kind === 'array' ? arrayOf(args[0]!.type, false) : args[0]!.type),
    renderApproximatePercentile,
    {
      display: (names) => `percentile_approx(${[...names.slice(0, 2), names[2] ?? '10000'].join(', ')})`,
    },
  )
  .aggregate('approx_count_distinct', 'any any?', LONG, 'approx_count_distinct($1)', {
    nullable: 'never',
    display: ([a]) => `approx_count_distinct(${a})`,
  })
  .aggregate('min_by', 'any any', firstType, 'arg_min_null($1, $2)')
  .aggregate('max_by', 'any any', firstType, 'arg_max_null($1, $2)')
  .aggregate('bool_and every', 'boolean', BOOLEAN, 'bool_and($1)')
  .aggregate('bool_or some any', 'boolean', BOOLEAN, 'bool_or($1)')
  .aggregate('count_if', 'boolean', LONG, 'count_if($1)', { nullable: 'never' })
  .aggregate('bit_and', 'integral', firstType, 'bit_and($1)')
  .aggregate('bit_or', 'integral', firstType, 'bit_or($1)')
  .aggregate('bit_xor', 'integral', firstType, 'bit_xor($1)')
  .aggregate('product', 'double', DOUBLE, 'product($1)')
  .aggregate('string_agg', 'string string?', { kind: 'string' }, joinedText, {
    display: ([a, b]) => `string_agg(${a}, ${b ?? 'NULL'})`,
  })
  .aggregate('listagg', 'string string?', { kind: 'string' }, joinedText, {
    display: ([a, b]) => `listagg(${a}, ${b ?? 'NULL'})`,
  })
  .special('grouping', {
    kind: 'aggregate',
    bind: (args) => ({
      key: 'grouping',
      args: bindSignature('grouping', 'any', args),
      type: { kind: 'byte' },
      nullable: false,
    }),
    render: ([a]) => `grouping(${a})`,
  });
