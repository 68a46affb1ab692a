import { analysisError } from '../errors.ts';
import type { Expression } from '../expression.ts';
import type { SparkType } from '../spark-type.ts';
import {
  BOOLEAN,
  DATE,
  DOUBLE,
  INTEGER,
  LONG,
  TIMESTAMP,
  commonType,
  isIntegral,
  isInterval,
  isNumeric,
  isTimestamp,
} from '../types/coercion.ts';
import { duckdbType } from '../types/duckdb-type.ts';
import { sqlTypeName } from '../types/simple-string.ts';
import {
  decimalOperand,
  decimalResult,
  renderArithmetic,
  renderDecimalDivision,
} from './decimal-arithmetic.ts';
import {
  FunctionFamily,
  coerce,
  raise,
  unify,
  type BindContext,
  type Bound,
  type FunctionSpec,
  type RenderedCall,
} from './function-spec.ts';

type Pair = readonly [Expression, Expression];

const DIVIDE_BY_ZERO = raise(
  'DIVIDE_BY_ZERO',
  'Division by zero. Use `try_divide` to tolerate divisor being 0 and return NULL instead. If necessary set "spark.sql.ansi.enabled" to "false" to bypass this error.',
  '22012',
);

function pairOf(name: string, args: readonly Expression[]): Pair {
  const [left, right] = args;
  if (args.length !== 2 || left === undefined || right === undefined) {
    throw analysisError(
      'WRONG_NUM_ARGS.WITHOUT_SUGGESTION',
      `The \`${name}\` requires 2 parameters but the actual number is ${args.length}.`,
    );
  }
  return [left, right];
}

function differs(symbol: string, [left, right]: Pair): Error {
  return analysisError(
    'DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES',
    `Cannot resolve "(${symbol})" due to data type mismatch: the left and right operands of the binary operator have incompatible types ("${sqlTypeName(left.type)}" and "${sqlTypeName(right.type)}").`,
  );
}

function numericOperands(symbol: string, pair: Pair): { args: Pair; type: SparkType } {
  const numeric = pair.map((side) =>
    side.type.kind === 'string'
      ? coerce(side, DOUBLE)
      : side.type.kind === 'null'
        ? coerce(side, pair.find((other) => isNumeric(other.type))?.type ?? DOUBLE)
        : side,
  );
  const [left, right] = [numeric[0]!, numeric[1]!];
  if (!isNumeric(left.type) || !isNumeric(right.type)) throw differs(symbol, pair);
  if (left.type.kind === 'decimal' || right.type.kind === 'decimal') {
    const a = decimalOperand(left);
    const b = decimalOperand(right);
    if (a && b) return { args: [coerce(left, a), coerce(right, b)], type: decimalResult(symbol, a, b) };
    return { args: [coerce(left, DOUBLE), coerce(right, DOUBLE)], type: DOUBLE };
  }
  const type = symbol === '/' ? DOUBLE : commonType(left.type, right.type)!;
  return { args: [coerce(left, type), coerce(right, type)], type };
}

function bound(key: string, args: readonly Expression[], type: SparkType, nullable?: boolean): Bound {
  return { key, args, type, nullable: nullable ?? args.some((arg) => arg.nullable) };
}

/** Dates and times with days and intervals; undefined when the operands are numbers. */
function temporalArithmetic(symbol: '+' | '-', pair: Pair): Bound | undefined {
  const [left, right] = symbol === '+' && isTemporal(pair[1].type) ? [pair[1], pair[0]] : pair;
  if (symbol === '+' && isInterval(left.type) && isInterval(right.type)) {
    return bound('$interval_add', [left, right], left.type);
  }
  if (symbol === '-' && isInterval(left.type) && isInterval(right.type)) {
    return bound('$interval_subtract', [left, right], left.type);
  }
  if (!isTemporal(left.type)) return undefined;
  if (isInterval(right.type)) return intervalArithmetic(symbol, left, right);
  if (left.type.kind === 'date' && isIntegral(right.type)) {
    return bound(symbol === '+' ? 'date_add' : 'date_sub', [left, coerce(right, INTEGER)], DATE);
  }
  if (
    symbol === '-' &&
    left.type.kind === 'date' &&
    (right.type.kind === 'date' || right.type.kind === 'string')
  ) {
    return bound('$date_difference', [left, coerce(right, DATE)], {
      kind: 'day_time_interval',
      start: 0,
      end: 0,
    });
  }
  if (symbol === '-' && (isTemporal(right.type) || right.type.kind === 'string')) {
    const type = isTimestamp(left.type) ? left.type : isTimestamp(right.type) ? right.type : TIMESTAMP;
    return bound('$time_difference', [coerce(left, type), coerce(right, type)], {
      kind: 'day_time_interval',
      start: 0,
      end: 3,
    });
  }
  return undefined;
}

function isTemporal(type: SparkType): boolean {
  return type.kind === 'date' || isTimestamp(type);
}

function intervalArithmetic(symbol: '+' | '-', left: Expression, right: Expression): Bound {
  const key = symbol === '+' ? '$time_add' : '$time_subtract';
  const wholeDays =
    right.type.kind === 'year_month_interval' ||
    (right.type.kind === 'day_time_interval' && right.type.end === 0);
  if (left.type.kind === 'date' && right.type.kind !== 'calendar_interval' && !wholeDays) {
    return bound(key, [coerce(left, TIMESTAMP), right], TIMESTAMP);
  }
  return bound(key, [left, right], left.type);
}

/** In ANSI mode the kernel's own overflow error stands; otherwise whole numbers wrap around and decimals become null. */
function arithmetic(symbol: '+' | '-' | '*', tryKey: string): Omit<FunctionSpec, 'key'> {
  return {
    kind: 'scalar',
    exact: false,
    bind: (args, context) => {
      const pair = pairOf(symbol, args);
      const temporal = symbol === '*' ? undefined : temporalArithmetic(symbol, pair);
      if (temporal !== undefined) return temporal;
      const operands = numericOperands(symbol, pair);
      const lenient = !context.ansi;
      const key = lenient ? (isIntegral(operands.type) ? `$wrap${symbol}` : tryKey) : symbol;
      return bound(
        key,
        operands.args,
        operands.type,
        lenient && operands.type.kind === 'decimal' ? true : undefined,
      );
    },
    render: (args, call) => renderArithmetic(symbol, args, call),
    display: ([left, right]) => `(${left} ${symbol} ${right})`,
  };
}

/** Java's wrap-around, reached in 128 bits: ((x + 2^(n-1)) mod 2^n) - 2^(n-1). */
function wrapAround(symbol: '+' | '-' | '*'): Omit<FunctionSpec, 'key'> {
  const bits: Partial<Record<SparkType['kind'], number>> = { byte: 8, short: 16, integer: 32, long: 64 };
  return {
    kind: 'scalar',
    bind: (args) => bound(`$wrap${symbol}`, args, args[0]!.type),
    render: (args, call) => {
      const range = 2n ** BigInt(bits[call.type.kind] ?? 64);
      const sum = `(CAST(${args[0]} AS HUGEINT) ${symbol} CAST(${args[1]} AS HUGEINT))`;
      return `((((${sum} + ${range / 2n}::HUGEINT) % ${range}::HUGEINT) + ${range}::HUGEINT) % ${range}::HUGEINT - ${range / 2n}::HUGEINT)`;
    },
  };
}

function renderDivision(args: readonly string[], call: RenderedCall, onZero: string): string {
  const [left, right] = [args[0]!, args[1]!];
  const [a, b] = [call.args[0]!.type, call.args[1]!.type];
  const quotient =
    call.type.kind === 'decimal' && a.kind === 'decimal' && b.kind === 'decimal'
      ? renderDecimalDivision({ sql: left, type: a }, { sql: right, type: b }, call.type)
      : `(${left} / ${right})`;
  const divisor = call.args[1]!;
  if (divisor.kind === 'literal' && divisor.value !== null && Number(divisor.value) !== 0) return quotient;
  return `CASE WHEN ${right} = 0 THEN ${onZero} ELSE ${quotient} END`;
}

function division(key: string, onZero: (context: BindContext) => boolean): Omit<FunctionSpec, 'key'> {
  return {
    kind: 'scalar',
    bind: (args, context) => {
      const operands = numericOperands('/', pairOf('/', args));
      const fails = onZero(context);
      return bound(fails ? '/' : 'try_divide', operands.args, operands.type, fails ? undefined : true);
    },
    render: (args, call) => renderDivision(args, call, key === '/' ? DIVIDE_BY_ZERO : 'NULL'),
    ...(key === '/' ? { display: ([left, right]: readonly string[]) => `(${left} / ${right})` } : {}),
  };
}

function integralDivision(symbol: '//' | '%', name: string, lenient: string): Omit<FunctionSpec, 'key'> {
  return {
    kind: 'scalar',
    bind: (args, context) => {
      const operands = numericOperands('%', pairOf(name, args));
      const type = symbol === '//' ? LONG : operands.type;
      return bound(context.ansi ? name : lenient, operands.args, type, context.ansi ? undefined : true);
    },
    render: (args, call) => renderRemainder(symbol, args, call, DIVIDE_BY_ZERO),
    display: ([left, right]) => `(${left} ${symbol === '//' ? 'div' : '%'} ${right})`,
  };
}

function renderRemainder(
  symbol: '//' | '%',
  args: readonly string[],
  call: RenderedCall,
  onZero: string,
): string {
  const [left, right] = [args[0]!, args[1]!];
  const exact = call.args[0]!.type.kind === 'decimal' || call.args[0]!.type.kind === 'double';
  const quotient = symbol === '//' && exact ? `trunc(${left} / ${right})` : `(${left} ${symbol} ${right})`;
  return `CASE WHEN ${right} = 0 THEN ${onZero} ELSE ${quotient} END`;
}

function comparison(symbol: string, kernel: string): Omit<FunctionSpec, 'key'> {
  return {
    kind: 'scalar',
    exact: true,
    bind: (args) => {
      const pair = pairOf(symbol, args);
      const type = comparisonType(symbol, pair);
      const sides = pair.map((side) => coerce(side, type));
      return bound(symbol, sides, BOOLEAN, symbol === '<=>' ? false : undefined);
    },
    render: (args) => `(${args[0]} ${kernel} ${args[1]})`,
    display: ([left, right]) =>
      symbol === '!=' ? `(NOT (${left} = ${right}))` : `(${left} ${symbol === '==' ? '=' : symbol} ${right})`,
  };
}

/** A decimal column beside a whole literal is compared in the column's own type when the literal fits, so that file statistics still apply. */
function comparisonType(symbol: string, pair: Pair): SparkType {
  const type = commonType(pair[0].type, pair[1].type);
  if (type === undefined) throw differs(symbol, pair);
  for (const [literal, other] of [pair, [pair[1], pair[0]] as const]) {
    if (other.type.kind !== 'decimal' || literal.kind !== 'literal' || !isIntegral(literal.type)) continue;
    const digits = String(literal.value).replace('-', '').length;
    if (digits <= other.type.precision - other.type.scale) return other.type;
  }
  return type;
}

function logic(symbol: 'AND' | 'OR'): Omit<FunctionSpec, 'key'> {
  return {
    kind: 'scalar',
    exact: true,
    bind: (args) => {
      const sides = pairOf(symbol, args).map((side) => booleanOperand(symbol, side));
      return bound(symbol.toLowerCase(), sides, BOOLEAN);
    },
    render: (args) => `(${args.join(` ${symbol} `)})`,
    display: ([left, right]) => `(${left} ${symbol} ${right})`,
  };
}

function booleanOperand(symbol: string, side: Expression): Expression {
  if (side.type.kind === 'boolean' || side.type.kind === 'null' || side.type.kind === 'string') {
    return coerce(side, BOOLEAN);
  }
  throw analysisError(
    'DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE',
    `Cannot resolve "${symbol}" due to data type mismatch: the operator requires the "BOOLEAN" type, but it has the type "${sqlTypeName(side.type)}".`,
  );
}

const numeric = (args: readonly Expression[]): SparkType => args[0]!.type;

export const operators: FunctionFamily = new FunctionFamily()
  .special('+', arithmetic('+', 'try_add'))
  .special('-', {
    ...arithmetic('-', 'try_subtract'),
    bind: (args, context) =>
      args.length === 1
        ? operators.table.get('negative')!.bind(args, context)
        : arithmetic('-', 'try_subtract').bind(args, context),
    display: (names) => (names.length === 1 ? `(- ${names[0]})` : `(${names[0]} - ${names[1]})`),
  })
  .special('*', arithmetic('*', 'try_multiply'))
  .special('$wrap+', wrapAround('+'))
  .special('$wrap-', wrapAround('-'))
  .special('$wrap*', wrapAround('*'))
  .special(
    '/',
    division('/', (context) => context.ansi),
  )
  .special(
    'try_divide',
    division('try_divide', () => false),
  )
  .special('%', integralDivision('%', '%', '$try_mod'))
  .special('mod', { ...integralDivision('%', '%', '$try_mod'), display: ([a, b]) => `mod(${a}, ${b})` })
  .special('div', integralDivision('//', 'div', '$try_div'))
  .special('$try_mod', {
    ...integralDivision('%', '%', '$try_mod'),
    render: (args, call) => renderRemainder('%', args, call, 'NULL'),
  })
  .special('$try_div', {
    ...integralDivision('//', 'div', '$try_div'),
    render: (args, call) => renderRemainder('//', args, call, 'NULL'),
  })
  .add('negative', 'any', numeric, '(-$1)', { display: ([a]) => `negative(${a})` })
  .add('positive', 'numeric', numeric, '$1', { display: ([a]) => `(+ ${a})` })
  .special('==', comparison('==', '='))
  .special('=', comparison('==', '='))
  .special('!=', comparison('!=', '<>'))
  .special('<>', comparison('!=', '<>'))
  .special('<', comparison('<', '<'))
  .special('<=', comparison('<=', '<='))
  .special('>', comparison('>', '>'))
  .special('>=', comparison('>=', '>='))
  .special('<=>', comparison('<=>', 'IS NOT DISTINCT FROM'))
  .special('equal_null', {
    ...comparison('<=>', 'IS NOT DISTINCT FROM'),
    display: ([a, b]) => `equal_null(${a}, ${b})`,
  })
  .special('and', logic('AND'))
  .special('or', logic('OR'))
  .add('not !', 'boolean', BOOLEAN, '(NOT $1)', { exact: true, display: ([a]) => `(NOT ${a})` })
  .add('isnull', 'any', BOOLEAN, '($1 IS NULL)', {
    exact: true,
    nullable: 'never',
    display: ([a]) => `(${a} IS NULL)`,
  })
  .add('isnotnull', 'any', BOOLEAN, '($1 IS NOT NULL)', {
    exact: true,
    nullable: 'never',
    display: ([a]) => `(${a} IS NOT NULL)`,
  })
  .special('in', {
    kind: 'scalar',
    exact: true,
    bind: (args) => bound('in', unify('in', args), BOOLEAN),
    render: ([value, ...list]) => `(${value} IN (${list.join(', ')}))`,
    display: ([value, ...list]) => `(${value} IN (${list.join(', ')}))`,
  })
  .special('between', {
    kind: 'scalar',
    exact: true,
    bind: (args) => bound('between', unify('between', args), BOOLEAN),
    render: ([value, low, high]) => `(${value} BETWEEN ${low} AND ${high})`,
  })
  .add('&', 'integral integral', (args) => commonType(args[0]!.type, args[1]!.type)!, '($1 & $2)', {
    display: ([a, b]) => `(${a} & ${b})`,
  })
  .add('|', 'integral integral', (args) => commonType(args[0]!.type, args[1]!.type)!, '($1 | $2)', {
    display: ([a, b]) => `(${a} | ${b})`,
  })
  .add('^', 'integral integral', (args) => commonType(args[0]!.type, args[1]!.type)!, 'xor($1, $2)', {
    display: ([a, b]) => `(${a} ^ ${b})`,
  })
  .add('~', 'integral', numeric, '(~$1)', { display: ([a]) => `~${a}` })
  .add('$time_add', 'any any', numeric, '($1 + $2)', { display: ([a, b]) => `${a} + ${b}` })
  .add('$time_subtract', 'any any', numeric, '($1 - $2)', { display: ([a, b]) => `${a} - ${b}` })
  .add('$interval_add', 'any any', numeric, '($1 + $2)')
  .add('$interval_subtract', 'any any', numeric, '($1 - $2)')
  .add('$date_difference', 'date date', DATE, 'to_days(CAST($1 - $2 AS INTEGER))', { exact: true })
  .add('$time_difference', 'any any', TIMESTAMP, 'to_microseconds(epoch_us($1) - epoch_us($2))', {
    exact: true,
  })
  .special('try_add', tryArithmetic('+'))
  .special('try_subtract', tryArithmetic('-'))
  .special('try_multiply', tryArithmetic('*'));

/** Computed in a type that cannot overflow, then narrowed where it fits. */
function tryArithmetic(symbol: '+' | '-' | '*'): Omit<FunctionSpec, 'key'> {
  const key = { '+': 'try_add', '-': 'try_subtract', '*': 'try_multiply' }[symbol];
  return {
    kind: 'scalar',
    exact: true,
    bind: (args) => {
      const operands = numericOperands(symbol, pairOf(key, args));
      return bound(key, operands.args, operands.type, true);
    },
    render: (args, call) => {
      if (!isIntegral(call.type))
        return `TRY(CAST(${renderArithmetic(symbol, args, call)} AS ${duckdbType(call.type)}))`;
      return `TRY_CAST((CAST(${args[0]} AS HUGEINT) ${symbol} CAST(${args[1]} AS HUGEINT)) AS ${duckdbType(call.type)})`;
    },
  };
}
