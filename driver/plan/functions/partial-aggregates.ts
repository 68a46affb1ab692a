import type { Expression } from '../expression.ts';
import type { SparkType } from '../spark-type.ts';
import { DOUBLE } from '../types/coercion.ts';
import { duckdbType } from '../types/duckdb-type.ts';
import { FunctionFamily, firstType, type RenderedCall } from './function-spec.ts';
import { renderDecimalDivision } from './decimal-arithmetic.ts';

/**
 * From each part's count ($1), mean ($2) and squared distances ($3): the parts become a list, because the total mean must be
 * known before the distances to it are summed. One list entry is one task's part, so lists are short.
 */
function merged(divisor: string, root: boolean, minimum: number): string {
  const parts = `list({'n': CAST($1 AS DOUBLE), 'm': $2, 's': $3}) FILTER (WHERE $1 > 0)`;
  const total = 'list_sum(list_transform(_p, lambda _x: _x.n))';
  const mean = `(list_sum(list_transform(_p, lambda _x: _x.n * _x.m)) / ${total})`;
  const body = `list_transform([{'n': ${total}, 'm': ${mean}}], lambda _t: CASE WHEN _t.n < ${minimum} THEN NULL ELSE list_sum(list_transform(_p, lambda _x: _x.s + _x.n * (_x.m - _t.m) * (_x.m - _t.m))) / ${divisor} END)[1]`;
  const value = `list_transform([${parts}], lambda _p: ${body})[1]`;
  return root ? `sqrt(${value})` : value;
}

function renderAverage(args: readonly string[], call: RenderedCall): string {
  const [sum, count] = [call.args[0]!.type, args[1]!];
  if (sum.kind !== 'decimal') return `(${args[0]} / nullif(${count}, 0))`;
  if (call.type.kind !== 'decimal') return `(CAST(${args[0]} AS DOUBLE) / nullif(${count}, 0))`;
  const bounded = { kind: 'decimal', precision: call.type.precision + 6, scale: sum.scale } as const;
  return renderDecimalDivision(
    { sql: args[0]!, type: bounded },
    { sql: `nullif(${count}, 0)`, type: { kind: 'decimal', precision: 20, scale: 0 } },
    call.type,
  );
}

const given = (args: readonly Expression[]): SparkType => args[0]!.type;

/** What the two steps of a split aggregate compute; no user can name these. */
export const partialAggregates = new FunctionFamily()
  .aggregate('$sum_wide', 'any', firstType, ([value], call) =>
    call.type.kind === 'decimal' && call.args[0]!.type.kind !== 'decimal'
      ? `sum(CAST(${value} AS ${duckdbType(call.type)}))`
      : `sum(${value})`,
  )
  .aggregate(
    '$m2',
    'any',
    DOUBLE,
    `CASE WHEN bool_or(NOT isfinite($1))/*filter*/ THEN 'nan'::DOUBLE ELSE var_pop(CASE WHEN isfinite($1) THEN $1 END)/*filter*/ * count($1)/*filter*/ END`,
  )
  .aggregate('$merge_var_samp', '...any', DOUBLE, merged('(_t.n - 1)', false, 2))
  .aggregate('$merge_var_pop', '...any', DOUBLE, merged('_t.n', false, 1))
  .aggregate('$merge_stddev_samp', '...any', DOUBLE, merged('(_t.n - 1)', true, 2))
  .aggregate('$merge_stddev_pop', '...any', DOUBLE, merged('_t.n', true, 1))
  .add('$narrow', 'any', given, '$1')
  .add('$average', 'any any', given, renderAverage);
