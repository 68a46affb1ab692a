import { QuarryError } from '../../../common/quarry-error.ts';
import { analysisError, unsupported } from '../errors.ts';
import type { Expression, NamedExpression } from '../expression.ts';
import {
  aggregatesOf,
  childrenOf,
  expressionKey,
  hasGenerator,
  hasWindow,
  transform,
} from '../expression-tree.ts';
import type { LogicalPlan } from '../logical-plan.ts';
import type { UnresolvedExpression } from '../unresolved.ts';
import type { ExpressionResolver } from './expression-resolver.ts';
import type { Resolved } from './resolved.ts';
import { hasAggregate } from './hidden-columns.ts';
import type { PlanBuilder } from './plan-builder.ts';
import { columnOf } from './scope.ts';

function missingAggregation(resolved: Resolved): QuarryError {
  return analysisError(
    'MISSING_AGGREGATION',
    `The non-aggregating expression "${resolved.text}" is based on columns which are not participating in the GROUP BY clause. Add the columns or the expression to the GROUP BY, aggregate the expression, or use "any_value(${resolved.text})" if you do not care which of the values within a group is returned.`,
  );
}

/** Every column outside an aggregate must be (part of) a grouping key. */
function checkGrouped(expression: Expression, keys: ReadonlySet<string>, resolved: Resolved): void {
  if (expression.kind === 'aggregate' || keys.has(expressionKey(expression))) return;
  if (expression.kind === 'column') throw missingAggregation(resolved);
  for (const child of childrenOf(expression)) checkGrouped(child, keys, resolved);
}

/** GROUP BY a position of the select list, or the alias of a select item; anything else as it stands. */
export function groupingExpressions(
  groupBy: readonly UnresolvedExpression[],
  columns: readonly UnresolvedExpression[],
  resolver: ExpressionResolver,
): Resolved[] {
  return groupBy.map((key) => {
    if (key.kind === 'literal' && key.type.kind === 'integer') {
      const item = columns[Number(key.value) - 1];
      if (item === undefined) {
        throw analysisError(
          'GROUP_BY_POS_OUT_OF_RANGE',
          `GROUP BY position ${String(key.value)} is not in select list (valid range is [1, ${columns.length}]).`,
        );
      }
      return withoutAlias(item, resolver);
    }
    if (key.kind !== 'attribute' || key.parts.length !== 1) return resolver.resolve(key);
    try {
      return resolver.resolve(key);
    } catch (error) {
      const { rule } = resolver.options;
      const item = columns.find(
        (column) => column.kind === 'alias' && rule.same(column.names[0] ?? '', key.parts[0]!),
      );
      if (!(error instanceof QuarryError) || item === undefined) throw error;
      return withoutAlias(item, resolver);
    }
  });
}

function withoutAlias(item: UnresolvedExpression, resolver: ExpressionResolver): Resolved {
  const resolved = resolver.resolve(item.kind === 'alias' ? item.input : item);
  if (hasAggregate(resolved.value)) {
    throw analysisError(
      'GROUP_BY_AGGREGATE',
      `Aggregate functions are not allowed in GROUP BY, but found ${resolved.text}.`,
    );
  }
  return resolved;
}

/**
 * An aggregate whose columns are given. Windows and generators over aggregates go into a projection above, so that the
 * aggregate itself can be split between tasks.
 */
export function makeAggregate(
  builder: PlanBuilder,
  input: LogicalPlan,
  groups: readonly Resolved[],
  columns: readonly Resolved[],
): LogicalPlan {
  const groupBy = groups.map(({ value }) => value);
  const keys = new Set(groupBy.map(expressionKey));
  for (const column of columns) checkGrouped(column.value, keys, column);
  for (const key of groupBy) {
    if (key.type.kind === 'map') throw unsupported('Grouping by a map');
  }
  if (!columns.some(({ value }) => hasWindow(value) || hasGenerator(value))) {
    return builder.aggregate(input, groupBy, builder.columns(columns));
  }
  const inner: NamedExpression[] = [];
  const known = new Map<string, NamedExpression>();
  const columnFor = (value: Expression, attribute: Resolved['attribute']): Expression => {
    const key = expressionKey(value);
    let made = known.get(key);
    if (made === undefined) {
      made = attribute === undefined ? builder.named('_part', value) : { attribute, value };
      known.set(key, made);
      inner.push(made);
    }
    return columnOf(made.attribute);
  };
  for (const group of groups) columnFor(group.value, group.attribute);
  const outer = columns.map((column): Resolved => {
    const aggregates = new Set(aggregatesOf(column.value).map(expressionKey));
    const value = transform(column.value, (node) => {
      const key = expressionKey(node);
      if (keys.has(key) && node.kind !== 'literal') return columnFor(node, undefined);
      return node.kind === 'aggregate' && aggregates.has(key) ? columnFor(node, undefined) : undefined;
    });
    return { ...column, value };
  });
  return builder.projectResolved(builder.aggregate(input, groupBy, inner), outer);
}
