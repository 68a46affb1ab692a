import type { Attribute, Expression, NamedExpression } from './expression.ts';
import { aggregatesOf, expressionKey, isDeterministic, transform } from './expression-tree.ts';
import type { LogicalPlan } from './logical-plan.ts';
import type { SparkType } from './spark-type.ts';
import { BOOLEAN, DOUBLE, LONG, PRECISION_MAX, arrayOf, isIntegral } from './types/coercion.ts';

type AggregatePlan = Extract<LogicalPlan, { kind: 'aggregate' }>;
type Aggregate = Extract<Expression, { kind: 'aggregate' }>;

export interface SplitAggregate {
  /** Runs where the rows are: the grouping columns, then storable partial values. */
  readonly partial: LogicalPlan;
  /** Combines rows of `partial.output` that arrive by an exchange; its output is the aggregate's own. */
  readonly final: (input: LogicalPlan) => LogicalPlan;
  /**
   * Joins rows of `partial.output` of one key to one of the same columns, so that they can be kept and joined again; undefined
   * where only the answer can be made of them. `extra` columns are added to the output; `order` says which row comes before which.
   */
  readonly combine:
    | ((input: LogicalPlan, extra?: readonly NamedExpression[], order?: Expression) => LogicalPlan)
    | undefined;
}

/** How one aggregate is kept between the two steps: what each task computes, and the answer from all tasks' values. */
interface Decomposition {
  readonly partials: readonly Expression[];
  readonly merge: (columns: readonly Expression[]) => Expression;
  /** One value of each of `partials` from several, which are in no order unless there is a column that says it. */
  readonly combine?: (columns: readonly Expression[], order: Expression | undefined) => readonly Expression[];
}

function aggregate(
  name: string,
  args: readonly Expression[],
  type: SparkType,
  options: { filter?: Expression | undefined; nullable?: boolean } = {},
): Aggregate {
  return {
    kind: 'aggregate',
    name,
    args,
    distinct: false,
    filter: options.filter,
    type,
    nullable: options.nullable ?? true,
  };
}

function call(name: string, args: readonly Expression[], type: SparkType, nullable = true): Expression {
  return { kind: 'call', name, args, type, nullable };
}

/** Whole numbers are summed as decimals: DuckDB's HUGEINT becomes a double in Parquet, and a bigint could overflow midway. */
function partialSumType(type: SparkType): SparkType {
  if (isIntegral(type)) return { kind: 'decimal', precision: PRECISION_MAX, scale: 0 };
  if (type.kind === 'decimal') return { kind: 'decimal', precision: PRECISION_MAX, scale: type.scale };
  return type.kind === 'day_time_interval' || type.kind === 'year_month_interval' ? type : DOUBLE;
}

function cast(input: Expression, type: SparkType): Expression {
  return { kind: 'cast', input, type, nullable: input.nullable, try: false };
}

/** A count's total: never null, zero when no task had rows. */
function totalCount(column: Expression): Expression {
  const total = aggregate('$sum_wide', [column], { kind: 'decimal', precision: PRECISION_MAX, scale: 0 });
  const zero: Expression = { kind: 'literal', value: 0n, type: LONG, nullable: false };
  return call('coalesce', [cast(total, LONG), zero], LONG, false);
}

function sumOf(node: Aggregate): Decomposition {
  const type = partialSumType(node.args[0]!.type);
  return {
    partials: [aggregate('$sum_wide', node.args, type, { filter: node.filter })],
    merge: ([column]) => {
      const total = aggregate('$sum_wide', [column!], type);
      return type.kind === 'decimal' ? call('$narrow', [total], node.type) : total;
    },
    combine: ([column]) => [aggregate('$sum_wide', [column!], type)],
  };
}

function countOf(node: Aggregate): Decomposition {
  return {
    partials: [aggregate('count', node.args, LONG, { filter: node.filter, nullable: false })],
    merge: ([column]) => totalCount(column!),
    combine: ([column]) => [totalCount(column!)],
  };
}

function averageOf(node: Aggregate): Decomposition {
  const type = partialSumType(node.args[0]!.type);
  return {
    partials: [
      aggregate('$sum_wide', node.args, type, { filter: node.filter }),
      aggregate('count', node.args, LONG, { filter: node.filter, nullable: false }),
    ],
    merge: ([sum, count]) =>
      call('$average', [aggregate('$sum_wide', [sum!], type), totalCount(count!)], node.type),
    combine: ([sum, count]) => [aggregate('$sum_wide', [sum!], type), totalCount(count!)],
  };
}

/** The same function over partial results: min of mins. */
function again(node: Aggregate): Decomposition {
  return {
    partials: [node],
    merge: ([column]) => aggregate(node.name, [column!], node.type, { nullable: node.nullable }),
    combine: ([column]) => [aggregate(node.name, [column!], node.type, { nullable: node.nullable })],
  };
}

/** Whether rows existed is kept apart from the value, so that a null first value is told from no first value. */
function pickedOf(node: Aggregate): Decomposition {
  const present = aggregate('count', [], LONG, { filter: node.filter, nullable: false });
  const none: Expression = { kind: 'literal', value: 0n, type: LONG, nullable: false };
  return {
    partials: [node, present],
    merge: ([value, count]) =>
      aggregate(node.name, [value!], node.type, { filter: call('>', [count!, none], BOOLEAN, false) }),
    combine: ([value, count], order) => {
      const filter = call('>', [count!, none], BOOLEAN, false);
      const ordered = node.name === 'last' ? 'max_by' : 'min_by';
      return [
        order === undefined
          ? aggregate(node.name, [value!], node.type, { filter })
          : aggregate(ordered, [value!, order], node.type, { filter }),
        totalCount(count!),
      ];
    },
  };
}

function collectedOf(node: Aggregate): Decomposition {
  const distinct = node.name === 'collect_set';
  const joined = (column: Expression) => {
    const lists = aggregate('collect_list', [column], arrayOf(node.type), { nullable: false });
    const flat = call('flatten', [lists], node.type, false);
    return distinct ? call('array_distinct', [flat], node.type, false) : flat;
  };
  return {
    partials: [node],
    merge: ([column]) => joined(column!),
    combine: ([column]) => [joined(column!)],
  };
}

/**
 * Count, mean and sum of squared distances, merged by the pairwise rule of Chan et al.: M2 = sum(m2_i) + sum(n_i * (mean_i - mean)^2).
 * Raw sums of squares would cancel catastrophically for large means.
 */
function momentsOf(node: Aggregate): Decomposition {
  const options = { filter: node.filter };
  return {
    partials: [
      aggregate('count', node.args, LONG, { ...options, nullable: false }),
      aggregate('avg', node.args, DOUBLE, options),
      aggregate('$m2', node.args, DOUBLE, options),
    ],
    merge: (columns) => aggregate(`$merge_${node.name}`, columns, DOUBLE),
    combine: ([count, mean, m2]) => [
      totalCount(count!),
      aggregate('$merge_mean', [count!, mean!], DOUBLE),
      aggregate('$merge_m2', [count!, mean!, m2!], DOUBLE),
    ],
  };
}

/** The value beside the extreme of each part, and that extreme to choose among the parts by. */
function besideOf(node: Aggregate): Decomposition {
  const [value, order] = node.args;
  const extreme = node.name === 'max_by' ? 'max' : 'min';
  const best = ([kept, by]: readonly Expression[]) => aggregate(node.name, [kept!, by!], value!.type);
  return {
    partials: [node, aggregate(extreme, [order!], order!.type, { filter: node.filter })],
    merge: best,
    combine: (columns) => [best(columns), aggregate(extreme, [columns[1]!], order!.type)],
  };
}

/** A sketch of the distinct values that can be joined with others: the kernel's own cannot be kept. */
function sketchOf(node: Aggregate): Decomposition {
  const type = arrayOf(LONG, false);
  return {
    partials: [aggregate('$sketch', node.args.slice(0, 1), type, { filter: node.filter })],
    merge: ([column]) => aggregate('$sketch_count', [column!], LONG, { nullable: false }),
    combine: ([column]) => [aggregate('$sketch_join', [column!], type)],
  };
}

const ALIASES: Readonly<Record<string, string>> = {
  std: 'stddev_samp',
  stddev: 'stddev_samp',
  variance: 'var_samp',
  mean: 'avg',
  try_avg: 'avg',
  every: 'bool_and',
  some: 'bool_or',
  any: 'bool_or',
};

function decompose(node: Aggregate, kept: boolean): Decomposition | undefined {
  if (node.distinct && !['min', 'max', 'bool_and', 'bool_or'].includes(node.name)) return undefined;
  if (node.args.some((arg) => arg.type.kind === 'null')) return undefined;
  const name = ALIASES[node.name] ?? node.name;
  switch (name) {
    case 'sum':
      return isInterval(node) ? undefined : sumOf(node);
    case 'avg':
      return isInterval(node) ? undefined : averageOf(node);
    case 'count':
    case 'count_if':
      return name === 'count' ? countOf(node) : { ...countOf(node), partials: [node] };
    case 'min':
    case 'max':
    case 'bool_and':
    case 'bool_or':
    case 'bit_and':
    case 'bit_or':
    case 'bit_xor':
      return again({ ...node, name });
    case 'first':
    case 'last':
      return pickedOf(node);
    case 'collect_list':
    case 'collect_set':
      return collectedOf(node);
    case 'stddev_samp':
    case 'stddev_pop':
    case 'var_samp':
    case 'var_pop':
      return momentsOf({ ...node, name });
    case 'max_by':
    case 'min_by':
      return besideOf(node);
    case 'approx_count_distinct':
      // Within one query the kernel's own is faster.
      return kept ? sketchOf(node) : undefined;
    default:
      return undefined;
  }
}

function isInterval(node: Aggregate): boolean {
  return node.type.kind.endsWith('_interval');
}

/**
 * Cuts an aggregate in two. Undefined where partial values cannot stand for the rows (distinct, percentiles): then all
 * rows of a key must come to one task. `nextId` gives ids to the partial columns; `kept` says that partial values outlive the query.
 */
export function splitAggregate(
  plan: LogicalPlan,
  nextId: () => number,
  { kept }: { readonly kept: boolean } = { kept: false },
): SplitAggregate | undefined {
  if (plan.kind !== 'aggregate') return undefined;
  if (plan.groupBy.some((key) => !isDeterministic(key))) return undefined;
  const nodes = new Map<string, { node: Aggregate; how: Decomposition }>();
  for (const column of plan.columns) {
    for (const node of aggregatesOf(column.value)) {
      const key = expressionKey(node);
      if (nodes.has(key)) continue;
      const how = decompose(node, kept);
      if (how === undefined) return undefined;
      nodes.set(key, { node, how });
    }
  }
  return assemble(plan, nodes, nextId);
}

function assemble(
  plan: AggregatePlan,
  nodes: ReadonlyMap<string, { node: Aggregate; how: Decomposition }>,
  nextId: () => number,
): SplitAggregate {
  const columnFor = (value: Expression): NamedExpression => ({
    attribute: attributeFor(value, nextId),
    value,
  });
  const keys = plan.groupBy.map(columnFor);
  const partials = new Map([...nodes].map(([key, { how }]) => [key, how.partials.map(columnFor)]));
  const columns = [...keys, ...[...partials.values()].flat()];
  const partial: LogicalPlan = {
    kind: 'aggregate',
    output: columns.map(({ attribute }) => attribute),
    input: plan.input,
    groupBy: plan.groupBy,
    columns,
  };
  const keyColumns = new Map(keys.map(({ attribute, value }) => [expressionKey(value), columnOf(attribute)]));
  const rewrite = (expression: Expression): Expression =>
    transform(expression, (node) => {
      const key = expressionKey(node);
      if (node.kind === 'aggregate') {
        const merged = nodes
          .get(key)!
          .how.merge(partials.get(key)!.map((column) => columnOf(column.attribute)));
        return sameOrCast(merged, node.type);
      }
      return node.kind === 'literal' ? undefined : keyColumns.get(key);
    });
  const combine = combinerOf(
    partial,
    keys,
    [...nodes].map(([key, { how }]) => ({ how, columns: partials.get(key)! })),
  );
  return {
    partial,
    combine,
    final: (input) => ({
      kind: 'aggregate',
      output: plan.output,
      input,
      groupBy: keys.map(({ attribute }) => columnOf(attribute)),
      columns: plan.columns.map((column) => ({ ...column, value: rewrite(column.value) })),
    }),
  };
}

function combinerOf(
  partial: LogicalPlan,
  keys: readonly NamedExpression[],
  nodes: readonly { readonly how: Decomposition; readonly columns: readonly NamedExpression[] }[],
): SplitAggregate['combine'] {
  if (nodes.some(({ how }) => how.combine === undefined)) return undefined;
  const groupBy = keys.map(({ attribute }) => columnOf(attribute));
  const kept = keys.map(({ attribute }, index) => ({ attribute, value: groupBy[index]! }));
  const joined = (order: Expression | undefined) =>
    nodes.flatMap(({ how, columns }) => {
      const given = columns.map(({ attribute }) => columnOf(attribute));
      const values = how.combine!(given, order);
      return columns.map(({ attribute }, index) => ({
        attribute,
        value: sameOrCast(values[index]!, attribute.type),
      }));
    });
  return (input, extra = [], order) => ({
    kind: 'aggregate',
    output: [...partial.output, ...extra.map(({ attribute }) => attribute)],
    input,
    groupBy,
    columns: [...kept, ...joined(order), ...extra],
  });
}

function sameOrCast(value: Expression, type: SparkType): Expression {
  return value.type.kind === type.kind ? value : cast(value, type);
}

function attributeFor(value: Expression, nextId: () => number): Attribute {
  return {
    id: nextId(),
    name: value.kind === 'aggregate' ? `partial_${value.name}` : 'key',
    type: value.type,
    nullable: value.nullable,
    planIds: [],
    qualifiers: [],
  };
}

function columnOf(attribute: Attribute): Expression {
  return { kind: 'column', id: attribute.id, type: attribute.type, nullable: attribute.nullable };
}
