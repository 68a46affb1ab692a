import { unsupported } from '../errors.ts';
import type { Expression } from '../expression.ts';
import { expressionKey, transform } from '../expression-tree.ts';
import type { LogicalPlan } from '../logical-plan.ts';
import type { SparkType } from '../spark-type.ts';
import type { UnresolvedNode } from '../unresolved.ts';
import { groupingExpressions, makeAggregate } from './aggregate-resolver.ts';
import { ExpressionResolver } from './expression-resolver.ts';
import { both, type Resolved } from './resolved.ts';
import { applyFunction } from './join-resolver.ts';
import type { RelationResolver } from './relation-resolver.ts';
import { makeSetOperation } from './set-operation.ts';
import { expandStars } from './stars.ts';
import { SubqueryRewriter } from './subqueries.ts';

type AggregateNode = Extract<UnresolvedNode, { kind: 'aggregate' }>;

const BYTE: SparkType = { kind: 'byte' };
const LONG: SparkType = { kind: 'long' };

export function resolveAggregate(node: AggregateNode, resolver: RelationResolver): LogicalPlan {
  const given = resolver.resolve(node.input);
  const rewriter = new SubqueryRewriter(resolver, given);
  const expressions = rewriter.resolver(new ExpressionResolver(given.output, resolver.options));
  const items = expandStars(node.columns, given.output, resolver.rule);
  const groups = groupingExpressions(node.groupBy, items, expressions);
  const resolved = expressions.list(items);
  const input = rewriter.attach(given);
  const columns = [...(node.prependGroups ? groups : []), ...resolved];
  switch (node.group) {
    case 'group-by':
      return makeAggregate(resolver.builder, input, groups, columns);
    case 'pivot':
      return pivoted(node, { input, groups, aggregates: resolved }, expressions, resolver);
    default:
      return overSets(groupingSets(node, groups, expressions), { input, groups, columns }, resolver);
  }
}

interface Parts {
  readonly input: LogicalPlan;
  readonly groups: readonly Resolved[];
  readonly columns: readonly Resolved[];
}

function groupingSets(
  node: AggregateNode,
  groups: readonly Resolved[],
  expressions: ExpressionResolver,
): ReadonlySet<string>[] {
  const keys = groups.map(({ value }) => expressionKey(value));
  if (node.group === 'rollup') {
    return Array.from({ length: keys.length + 1 }, (_, index) => new Set(keys.slice(0, keys.length - index)));
  }
  if (node.group === 'cube') {
    if (keys.length > 12) throw unsupported('A cube of more than 12 columns');
    return Array.from(
      { length: 2 ** keys.length },
      (_, mask) => new Set(keys.filter((_key, index) => (mask & (2 ** (keys.length - 1 - index))) === 0)),
    );
  }
  return node.groupingSets.map(
    (set) => new Set(set.map((each) => expressionKey(expressions.resolve(each).value))),
  );
}

/** The answer of `grouping(c)` and `grouping_id()` in one set: a bit for each key left out, the first key highest. */
function groupingValue(
  args: readonly Expression[],
  groups: readonly Resolved[],
  set: ReadonlySet<string>,
): bigint {
  const keys = args.length > 0 ? args : groups.map(({ value }) => value);
  return keys.reduce((bits, key) => bits * 2n + (set.has(expressionKey(key)) ? 0n : 1n), 0n);
}

/** One aggregate for each set, then all of them: keys outside a set are null. */
function overSets(
  sets: readonly ReadonlySet<string>[],
  parts: Parts,
  resolver: RelationResolver,
): LogicalPlan {
  const branches = sets.map((set) => {
    const inside = parts.groups.filter(({ value }) => set.has(expressionKey(value)));
    const outside = new Set(
      parts.groups.map(({ value }) => expressionKey(value)).filter((key) => !set.has(key)),
    );
    const columns = parts.columns.map((column): Resolved => {
      const value = transform(column.value, (node) => {
        if (node.kind === 'aggregate') {
          if (node.name === 'grouping') {
            return {
              kind: 'literal',
              value: Number(groupingValue(node.args, parts.groups, set)),
              type: BYTE,
              nullable: false,
            };
          }
          if (node.name === 'grouping_id') {
            return {
              kind: 'literal',
              value: groupingValue(node.args, parts.groups, set),
              type: LONG,
              nullable: false,
            };
          }
          return node;
        }
        if (!outside.has(expressionKey(node))) return undefined;
        return { kind: 'literal', value: null, type: node.type, nullable: true };
      });
      return { value, text: column.text, name: column.name, names: [column.name] };
    });
    return makeAggregate(resolver.builder, parts.input, inside, columns);
  });
  const union = {
    kind: 'set-operation',
    operation: 'union',
    all: true,
    byName: false,
    allowMissing: false,
  } as const;
  return branches.reduce((left, right) =>
    makeSetOperation(resolver.builder, [left, right], { ...union, left: EMPTY, right: EMPTY }, resolver.rule),
  );
}

const EMPTY = { kind: 'one-row', planId: undefined } as const;

/** Each value of the pivot column gives a column for each aggregate, over that value's rows alone. */
function pivoted(
  node: AggregateNode,
  parts: { input: LogicalPlan; groups: readonly Resolved[]; aggregates: readonly Resolved[] },
  expressions: ExpressionResolver,
  resolver: RelationResolver,
): LogicalPlan {
  const { pivot } = node;
  if (pivot === undefined || pivot.values.length === 0) {
    throw unsupported(
      'A pivot without its values: list them, pivot("column", [value, ...]). Finding them by itself',
    );
  }
  const column = expressions.value(pivot.column);
  const made = pivot.values.flatMap((each) => {
    const value = expressions.resolve(each);
    const test = applyFunction('<=>', [column, value.value], true);
    return parts.aggregates.map((aggregate): Resolved => {
      const name = parts.aggregates.length === 1 ? value.name : `${value.name}_${aggregate.name}`;
      const restricted = transform(aggregate.value, (part) =>
        part.kind === 'aggregate'
          ? { ...part, filter: part.filter === undefined ? test : both(part.filter, test), nullable: true }
          : undefined,
      );
      return { value: restricted, text: name, name, names: [name] };
    });
  });
  return makeAggregate(resolver.builder, parts.input, parts.groups, [...parts.groups, ...made]);
}
