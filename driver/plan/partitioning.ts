import type { Expression } from './expression.ts';
import { columnsOf, conjuncts } from './expression-tree.ts';
import type { LogicalPlan } from './logical-plan.ts';
import { renderExpression } from './render/render-expression.ts';
import type { SparkType } from './spark-type.ts';

const NULL_HASH = "hash('')";

/**
 * A key as it is hashed: equal keys of Spark must be equal bytes. -0.0 is 0.0 and every NaN the same one; a float and a
 * double, or two decimal scales, hash differently in DuckDB, so a float goes as double and a decimal as its shortest text.
 */
function normalised(value: string, type: SparkType): string {
  switch (type.kind) {
    case 'byte':
    case 'short':
    case 'integer':
    case 'long':
      return `CAST(${value} AS BIGINT)`;
    case 'float':
    case 'double':
      return `CASE WHEN isnan(${value}) THEN 'nan'::DOUBLE WHEN ${value} = 0 THEN 0.0::DOUBLE ELSE CAST(${value} AS DOUBLE) END`;
    case 'decimal':
      return `CAST(${value} AS DECIMAL(38,${type.scale}))`;
    case 'array':
    case 'struct':
    case 'map':
      // Nested values hold every case above at once; their text is one for equal values, after -0.0 is cleared away.
      return `replace(CAST(${value} AS VARCHAR), '-0.0', '0.0')`;
    default:
      return value;
  }
}

function hashOf(key: Expression): string {
  const value = renderExpression(key);
  return `coalesce(hash(${normalised(value, key.type)}), ${NULL_HASH})`;
}

/**
 * SQL of the partition that a row belongs to: (hash >> 32) % count, over keys of the operator's common types. Both sides of
 * a join must give keys of equal types (`coerce` brings them there), and every executor the same kernel version.
 */
export function partitionExpression(keys: readonly Expression[], partitions: number): string {
  if (keys.length === 0 || partitions <= 1) return '0';
  const hash = keys.map(hashOf).reduce((all, next) => `hash(${all}, ${next})`);
  return `CAST((${hash} >> 32) % ${partitions} AS INTEGER)`;
}

/** Keys of a join's two sides, pair by pair, and what is left of its condition. */
export interface EquiKeys {
  readonly left: readonly Expression[];
  readonly right: readonly Expression[];
  readonly residual: readonly Expression[];
}

function within(expression: Expression, ids: ReadonlySet<number>): boolean {
  const used = columnsOf(expression);
  return used.size > 0 && [...used].every((id) => ids.has(id));
}

/** The equalities of a join's condition between its two sides; rows that match have equal keys. Undefined without any. */
export function equiKeys(join: Extract<LogicalPlan, { kind: 'join' }>): EquiKeys | undefined {
  if (join.condition === undefined) return undefined;
  const leftIds = new Set(join.left.output.map(({ id }) => id));
  const rightIds = new Set(join.right.output.map(({ id }) => id));
  const left: Expression[] = [];
  const right: Expression[] = [];
  const residual: Expression[] = [];
  for (const part of conjuncts(join.condition)) {
    const [a, b] = part.kind === 'call' && (part.name === '==' || part.name === '<=>') ? part.args : [];
    if (a !== undefined && b !== undefined && within(a, leftIds) && within(b, rightIds)) {
      left.push(a);
      right.push(b);
    } else if (a !== undefined && b !== undefined && within(b, leftIds) && within(a, rightIds)) {
      left.push(b);
      right.push(a);
    } else residual.push(part);
  }
  return left.length === 0 ? undefined : { left, right, residual };
}
