import type { Expression } from '../expression.ts';
import type { SparkType } from '../spark-type.ts';
import { DOUBLE, LONG, arrayOf } from '../types/coercion.ts';
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

/**
 * The K smallest of the values' 63-bit hashes (KMV): fewer than K are counted exactly; else the K-th smallest tells how dense they
 * lie, with a standard error of 1 / sqrt(K), here 2.2 %. Tasks of one checkpoint must hash alike: the kernel's version is one.
 */
const HASHES = arrayOf(LONG, false);
const SKETCH_VALUES = 2_048;
const SKETCHES = `list_slice(list_sort(list_distinct(flatten(list($1)))), 1, ${SKETCH_VALUES})`;

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
  .aggregate(
    '$merge_mean',
    'any any',
    DOUBLE,
    `sum(CASE WHEN $1 > 0 THEN CAST($1 AS DOUBLE) * $2 END) / nullif(sum($1), 0)`,
  )
  .aggregate('$merge_m2', '...any', DOUBLE, merged('1', false, 1))
  .aggregate(
    '$sketch',
    'any',
    HASHES,
    `min(DISTINCT CASE WHEN $1 IS NOT NULL THEN CAST(hash($1) >> 1 AS BIGINT) END, ${SKETCH_VALUES})`,
  )
  .aggregate('$sketch_join', 'any', HASHES, SKETCHES)
  .aggregate(
    '$sketch_count',
    'any',
    LONG,
    `list_transform([${SKETCHES}], lambda _s: CASE WHEN coalesce(len(_s), 0) < ${SKETCH_VALUES} THEN coalesce(len(_s), 0) ELSE round(${SKETCH_VALUES - 1} * 9223372036854775807.0 / _s[${SKETCH_VALUES}]) END)[1]`,
  )
  .add('$narrow', 'any', given, '$1')
  .add('$average', 'any any', given, renderAverage);
