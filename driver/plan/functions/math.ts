import type { Expression } from '../expression.ts';
import type { SparkType } from '../spark-type.ts';
import { DOUBLE, INTEGER, LONG, STRING, adjustedDecimal, commonType, isIntegral } from '../types/coercion.ts';
import { FunctionFamily, firstType, literalText, raise, type RenderedCall } from './function-spec.ts';

/** ceil and floor of a decimal keep it one; of anything else they are whole numbers. */
function wholeType([value]: readonly Expression[]): SparkType {
  const type = value!.type;
  if (type.kind === 'decimal') return adjustedDecimal(type.precision - type.scale + 1, 0);
  return LONG;
}

function scaleOf(args: readonly Expression[]): number {
  return Number(literalText(args[1]) ?? '0');
}

function roundType(args: readonly Expression[]): SparkType {
  const type = args[0]!.type;
  if (type.kind !== 'decimal') return type;
  const scale = scaleOf(args);
  const digits = type.precision - type.scale + 1;
  return scale < 0
    ? adjustedDecimal(Math.max(digits, -scale + 1), 0)
    : adjustedDecimal(digits + Math.min(type.scale, scale), Math.min(type.scale, scale));
}

/**
 * Half up on the decimal digits that a double prints, as Java's BigDecimal.valueOf gives them: round(2.675, 2) is 2.68
 * though the double is a little less. DuckDB rounds the binary value, so the digits go through a decimal where they fit.
 */
function rounded(kernel: 'round' | 'round_even') {
  return (args: readonly string[], call: RenderedCall): string => {
    const value = args[0]!;
    const type = call.args[0]!.type;
    const scale = scaleOf(call.args);
    if (type.kind !== 'double' && type.kind !== 'float') {
      return isIntegral(type) && scale >= 0 ? value : `${kernel}(${value}, ${scale})`;
    }
    if (kernel === 'round_even' || scale < 0 || scale > 12) return `${kernel}(${value}, ${scale})`;
    const digits = `TRY_CAST(CAST(${value} AS VARCHAR) AS DECIMAL(38,18))`;
    return `CASE WHEN abs(${value}) < 1e12 THEN CAST(round(${digits}, ${scale}) AS DOUBLE) ELSE round(${value}, ${scale}) END`;
  };
}

const roundName = (name: string) => (names: readonly string[]) => `${name}(${names[0]}, ${names[1] ?? '0'})`;
const upperName = (name: string) => (names: readonly string[]) => `${name}(${names.join(', ')})`;

/** Logarithms of what is not positive are null in Spark, errors in DuckDB. */
function logarithm(kernel: string): string {
  return `CASE WHEN $1 > 0 OR isnan($1) THEN ${kernel}($1) END`;
}

function shift(symbol: '<<' | '>>') {
  return ([value, by]: readonly string[], call: RenderedCall): string => {
    const bits = call.type.kind === 'long' ? 64 : 32;
    const amount = `(((${by} % ${bits}) + ${bits}) % ${bits})`;
    if (symbol === '>>') return `(${value} >> ${amount})`;
    // DuckDB refuses to shift into the sign; Java wraps.
    const wide = `(CAST(${value} AS HUGEINT) * CAST(power(2, ${amount}) AS HUGEINT))`;
    const range = 2n ** BigInt(bits);
    return `((((${wide} + ${range / 2n}::HUGEINT) % ${range}::HUGEINT) + ${range}::HUGEINT) % ${range}::HUGEINT - ${range / 2n}::HUGEINT)`;
  };
}

function shiftUnsigned([value, by]: readonly string[], call: RenderedCall): string {
  const bits = call.type.kind === 'long' ? 64 : 32;
  const amount = `(((${by} % ${bits}) + ${bits}) % ${bits})`;
  const unsigned = `(CAST(${value} AS HUGEINT) + ${2n ** BigInt(bits)}::HUGEINT)`;
  return `CASE WHEN ${value} >= 0 OR ${amount} = 0 THEN ${value} >> ${amount} ELSE ${unsigned} // CAST(power(2, ${amount}) AS HUGEINT) END`;
}

const shiftType = ([value]: readonly Expression[]): SparkType =>
  value!.type.kind === 'long' ? LONG : INTEGER;

const SIGN = `CASE WHEN isnan($1) THEN 'nan'::DOUBLE ELSE sign($1) END`;

export const math = new FunctionFamily()
  .add('abs', 'numeric', firstType, 'abs($1)')
  .add('sign', 'double', DOUBLE, SIGN)
  .add('signum', 'double', DOUBLE, SIGN, { display: upperName('SIGNUM') })
  .add('ceil', 'numeric', wholeType, 'ceil($1)', { display: upperName('CEIL') })
  .add('ceiling', 'numeric', wholeType, 'ceil($1)')
  .add('floor', 'numeric', wholeType, 'floor($1)', { display: upperName('FLOOR') })
  .add('round', 'numeric int?', roundType, rounded('round'), { display: roundName('round') })
  .add('bround', 'numeric int?', roundType, rounded('round_even'), { display: roundName('bround') })
  .add('rint', 'double', DOUBLE, 'round_even($1, 0)')
  .add('sqrt', 'double', DOUBLE, `CASE WHEN $1 < 0 THEN 'nan'::DOUBLE ELSE sqrt($1) END`, {
    display: upperName('SQRT'),
  })
  .add('cbrt', 'double', DOUBLE, 'cbrt($1)', { display: upperName('CBRT') })
  .add('exp', 'double', DOUBLE, 'exp($1)', { display: upperName('EXP') })
  .add('expm1', 'double', DOUBLE, 'CASE WHEN abs($1) < 1e-5 THEN $1 + $1 * $1 / 2 ELSE exp($1) - 1 END', {
    display: upperName('EXPM1'),
  })
  .add('ln', 'double', DOUBLE, logarithm('ln'), { nullable: 'always' })
  .add('log10', 'double', DOUBLE, logarithm('log10'), { nullable: 'always', display: upperName('LOG10') })
  .add('log2', 'double', DOUBLE, logarithm('log2'), { nullable: 'always', display: upperName('LOG2') })
  .add('log1p', 'double', DOUBLE, 'CASE WHEN $1 > -1 THEN ln(1 + $1) END', {
    nullable: 'always',
    display: upperName('LOG1P'),
  })
  .add(
    'log',
    'double double?',
    DOUBLE,
    (args) =>
      args[1] === undefined
        ? `CASE WHEN ${args[0]} > 0 THEN ln(${args[0]}) END`
        : `CASE WHEN ${args[0]} > 0 AND ${args[1]} > 0 THEN ln(${args[1]}) / ln(${args[0]}) END`,
    { nullable: 'always', display: (n) => (n.length === 1 ? `ln(${n[0]})` : `LOG(${n.join(', ')})`) },
  )
  .add('pow power', 'double double', DOUBLE, 'pow($1, $2)', { display: upperName('POWER') })
  .add('sin', 'double', DOUBLE, `CASE WHEN isinf($1) THEN 'nan'::DOUBLE ELSE sin($1) END`, {
    display: upperName('SIN'),
  })
  .add('cos', 'double', DOUBLE, `CASE WHEN isinf($1) THEN 'nan'::DOUBLE ELSE cos($1) END`, {
    display: upperName('COS'),
  })
  .add('tan', 'double', DOUBLE, `CASE WHEN isinf($1) THEN 'nan'::DOUBLE ELSE tan($1) END`, {
    display: upperName('TAN'),
  })
  .add('cot', 'double', DOUBLE, '1 / tan($1)', { display: upperName('COT') })
  .add('sec', 'double', DOUBLE, '1 / cos($1)', { display: upperName('SEC') })
  .add('csc', 'double', DOUBLE, '1 / sin($1)', { display: upperName('CSC') })
  .add('asin', 'double', DOUBLE, `CASE WHEN abs($1) > 1 THEN 'nan'::DOUBLE ELSE asin($1) END`, {
    display: upperName('ASIN'),
  })
  .add('acos', 'double', DOUBLE, `CASE WHEN abs($1) > 1 THEN 'nan'::DOUBLE ELSE acos($1) END`, {
    display: upperName('ACOS'),
  })
  .add('atan', 'double', DOUBLE, 'atan($1)', { display: upperName('ATAN') })
  .add('atan2', 'double double', DOUBLE, 'atan2($1, $2)', { display: upperName('ATAN2') })
  .add('sinh', 'double', DOUBLE, 'sinh($1)', { display: upperName('SINH') })
  .add('cosh', 'double', DOUBLE, 'cosh($1)', { display: upperName('COSH') })
  .add('tanh', 'double', DOUBLE, 'tanh($1)', { display: upperName('TANH') })
  .add('asinh', 'double', DOUBLE, 'asinh($1)', { display: upperName('ASINH') })
  .add('acosh', 'double', DOUBLE, `CASE WHEN $1 < 1 THEN 'nan'::DOUBLE ELSE acosh($1) END`, {
    display: upperName('ACOSH'),
  })
  .add('atanh', 'double', DOUBLE, `CASE WHEN abs($1) > 1 THEN 'nan'::DOUBLE ELSE atanh($1) END`, {
    display: upperName('ATANH'),
  })
  .add('degrees', 'double', DOUBLE, 'degrees($1)', { display: upperName('DEGREES') })
  .add('radians', 'double', DOUBLE, 'radians($1)', { display: upperName('RADIANS') })
  .add('hypot', 'double double', DOUBLE, 'sqrt($1 * $1 + $2 * $2)', { display: upperName('HYPOT') })
  .add('pi', '', DOUBLE, 'pi()', { nullable: 'never', display: () => 'PI()' })
  .add('e', '', DOUBLE, 'exp(1)', { nullable: 'never', display: () => 'E()' })
  .add(
    'pmod',
    'same same',
    firstType,
    ([a, b]) =>
      `CASE WHEN ${b} = 0 THEN ${raise('DIVIDE_BY_ZERO', 'Division by zero. Use `try_mod` to tolerate divisor being 0 and return NULL instead.', '22012')} ELSE (${a} % ${b} + ${b}) % ${b} END`,
  )
  .add('factorial', 'int', LONG, 'CASE WHEN $1 BETWEEN 0 AND 20 THEN factorial($1) END', {
    nullable: 'always',
  })
  .add('bin', 'long', STRING, 'bin($1)')
  .add('bit_count', 'any', INTEGER, (args, call) =>
    call.args[0]!.type.kind === 'boolean'
      ? `CAST(${args[0]} AS INTEGER)`
      : `bit_count(CAST(${args[0]} AS BIGINT))`,
  )
  .add('getbit bit_get', 'long int', { kind: 'byte' }, '($1 >> $2) & 1')
  .add('shiftleft <<', 'integral int', shiftType, shift('<<'))
  .add('shiftright >>', 'integral int', shiftType, shift('>>'))
  .add('shiftrightunsigned >>>', 'integral int', shiftType, shiftUnsigned)
  .add('try_mod', 'same same', firstType, 'CASE WHEN $2 <> 0 THEN $1 % $2 END', { nullable: 'always' })
  .add('bitmap_bit_position', 'long', LONG, 'CASE WHEN $1 > 0 THEN ($1 - 1) % 32768 ELSE (-$1) % 32768 END')
  .add(
    'bitmap_bucket_number',
    'long',
    LONG,
    'CASE WHEN $1 > 0 THEN 1 + ($1 - 1) // 32768 ELSE -((-$1) // 32768) END',
  )
  .add(
    'width_bucket',
    'double double double long',
    LONG,
    'CASE WHEN $4 <= 0 OR $2 = $3 THEN NULL WHEN $2 < $3 THEN CASE WHEN $1 < $2 THEN 0 WHEN $1 >= $3 THEN $4 + 1 ELSE floor(($1 - $2) / ($3 - $2) * $4) + 1 END ELSE CASE WHEN $1 > $2 THEN 0 WHEN $1 <= $3 THEN $4 + 1 ELSE floor(($2 - $1) / ($2 - $3) * $4) + 1 END END',
    { nullable: 'always' },
  )
  .add('rand random', 'long?', DOUBLE, 'random()', {
    nullable: 'never',
    display: (n) => `rand(${n.join(', ')})`,
  })
  .add('randn', 'long?', DOUBLE, 'sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random())', {
    nullable: 'never',
  })
  .add(
    'zeroifnull',
    'numeric',
    (args) => commonType(args[0]!.type, INTEGER) ?? args[0]!.type,
    'coalesce($1, 0)',
    { nullable: 'never' },
  )
  .add('nullifzero', 'numeric', firstType, 'nullif($1, 0)', { nullable: 'always' })
  .add('spark_partition_id', '', INTEGER, '0', { nullable: 'never', display: () => 'SPARK_PARTITION_ID()' });
