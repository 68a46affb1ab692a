import type { Expression } from '../expression.ts';
import type { SparkType } from '../spark-type.ts';
import { DOUBLE, INTEGER } from '../types/coercion.ts';
import { FunctionFamily, coerce, literalText, type RenderedCall } from './function-spec.ts';

const WINDOW = { kind: 'window', nullable: 'never' } as const;

function valueType([value]: readonly Expression[]): SparkType {
  return value!.type;
}

/** IGNORE NULLS is said after the arguments; Spark Connect says it by a last boolean. */
function ignoresNulls(call: RenderedCall, index: number): string {
  return literalText(call.args[index]) === 'true' ? ' IGNORE NULLS' : '';
}

function shift(kernel: 'lag' | 'lead') {
  return (args: readonly string[], call: RenderedCall): string => {
    const fallback = args[2] === undefined ? '' : `, ${args[2]}`;
    return `${kernel}(${args[0]}, ${args[1] ?? '1'}${fallback}${ignoresNulls(call, 3)})`;
  };
}

function bindShift(key: 'lag' | 'lead') {
  return (args: readonly Expression[]) => {
    const value = args[0]!;
    const fallback = args[2] === undefined ? undefined : coerce(args[2], value.type);
    const bound = [value, ...(args[1] === undefined ? [] : [coerce(args[1], INTEGER)])];
    if (fallback !== undefined) bound.push(fallback, ...args.slice(3));
    return { key, args: bound, type: value.type, nullable: value.nullable || (fallback?.nullable ?? true) };
  };
}

export const windows = new FunctionFamily()
  .add('row_number', '', INTEGER, 'row_number()', WINDOW)
  .add('rank', '', INTEGER, 'rank()', { ...WINDOW, display: () => 'RANK()' })
  .add('dense_rank', '', INTEGER, 'dense_rank()', { ...WINDOW, display: () => 'DENSE_RANK()' })
  .add('percent_rank', '', DOUBLE, 'percent_rank()', { ...WINDOW, display: () => 'PERCENT_RANK()' })
  .add('cume_dist', '', DOUBLE, 'cume_dist()', WINDOW)
  .add('ntile', 'int', INTEGER, 'ntile($1)', WINDOW)
  .special('lag', {
    kind: 'window',
    bind: bindShift('lag'),
    render: shift('lag'),
    display: (names) => `lag(${names[0]}, ${names[1] ?? '1'}, ${names[2] ?? 'NULL'})`,
  })
  .special('lead', {
    kind: 'window',
    bind: bindShift('lead'),
    render: shift('lead'),
    display: (names) => `lead(${names[0]}, ${names[1] ?? '1'}, ${names[2] ?? 'NULL'})`,
  })
  .add(
    'nth_value',
    'any int boolean?',
    valueType,
    (args, call) => `nth_value(${args[0]}, ${args[1]}${ignoresNulls(call, 2)})`,
    { kind: 'window', nullable: 'always' },
  );
