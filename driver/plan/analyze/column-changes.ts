import { QuarryError } from '../../../common/quarry-error.ts';
import { analysisError, unsupported } from '../errors.ts';
import type { Expression, NamedExpression } from '../expression.ts';
import { isStreaming } from '../event-time.ts';
import type { LogicalPlan } from '../logical-plan.ts';
import type { UnresolvedNode } from '../unresolved.ts';
import type { Resolved } from './resolved.ts';
import { withOutput } from './plan-builder.ts';
import type { RelationResolver } from './relation-resolver.ts';
import { columnOf } from './scope.ts';
import { SubqueryRewriter } from './subqueries.ts';

type Node<Kind extends UnresolvedNode['kind']> = Extract<UnresolvedNode, { kind: Kind }>;

export function withColumns(relation: Node<'with-columns'>, resolver: RelationResolver): LogicalPlan {
  const input = resolver.resolve(relation.input);
  const rewriter = new SubqueryRewriter(resolver, input);
  const { plan: widened, value } = resolver.hidden.select(input, (names) => {
    const expressions = rewriter.resolver(names);
    return relation.columns.map((column) => ({
      name: column.name,
      resolved: expressions.resolve(column.value),
    }));
  });
  const plan = rewriter.attach(widened);
  const named = (name: string, resolved: Resolved): Resolved => ({
    value: resolved.value,
    text: resolved.text,
    name,
    names: [name],
  });
  const kept = input.output.map((attribute): Resolved => {
    const made = value.find(({ name }) => resolver.rule.same(name, attribute.name));
    if (made !== undefined) return named(made.name, made.resolved);
    return { value: columnOf(attribute), text: attribute.name, name: attribute.name, attribute };
  });
  const added = value
    .filter(({ name }) => !input.output.some((attribute) => resolver.rule.same(attribute.name, name)))
    .map(({ name, resolved }) => named(name, resolved));
  return resolver.builder.projectResolved(plan, [...kept, ...added]);
}

export function renameColumns(relation: Node<'rename-columns'>, resolver: RelationResolver): LogicalPlan {
  let plan = resolver.resolve(relation.input);
  for (const [from, to] of relation.renames) {
    const output = plan.output.map((attribute) =>
      resolver.rule.same(attribute.name, from) ? { ...attribute, name: to, planIds: [] } : attribute,
    );
    plan = withOutput(plan, output);
  }
  return plan;
}

export function dropColumns(relation: Node<'drop'>, resolver: RelationResolver): LogicalPlan {
  const input = resolver.resolve(relation.input);
  const dropped = new Set<number>();
  for (const name of relation.names) {
    for (const attribute of input.output) {
      if (resolver.rule.same(attribute.name, name)) dropped.add(attribute.id);
    }
  }
  const { plan } = resolver.hidden.select(input, (names) => {
    for (const column of relation.columns) {
      if (column.kind !== 'attribute') throw unsupported('Dropping an expression that is no column');
      const present =
        column.planId !== undefined ||
        input.output.some((attribute) => resolver.rule.same(attribute.name, column.parts.at(-1) ?? ''));
      const attribute = present ? names.resolve(column).attribute : undefined;
      if (attribute !== undefined) dropped.add(attribute.id);
    }
  });
  const kept = input.output.filter(({ id }) => !dropped.has(id));
  return kept.length === input.output.length
    ? input
    : resolver.builder.project(plan, resolver.builder.passing(kept));
}

export function toDf(relation: Node<'to-df'>, resolver: RelationResolver): LogicalPlan {
  const input = resolver.resolve(relation.input);
  if (input.output.length !== relation.names.length) {
    throw analysisError(
      'ASSIGNMENT_ARITY_MISMATCH',
      `The number of columns or variables assigned or aliased: ${relation.names.length} does not match the number of source expressions: ${input.output.length}.`,
    );
  }
  return withOutput(
    input,
    input.output.map((attribute, index) => ({
      ...attribute,
      name: relation.names[index]!,
      planIds: [],
      qualifiers: [],
    })),
  );
}

export function deduplicate(relation: Node<'deduplicate'>, resolver: RelationResolver): LogicalPlan {
  const input = resolver.resolve(relation.input);
  const streaming = isStreaming(input);
  const withinWatermark = relation.withinWatermark ?? false;
  if (withinWatermark && !streaming) {
    throw new QuarryError(
      'ANALYSIS',
      'dropDuplicatesWithinWatermark is not supported with batch DataFrames/DataSets',
    );
  }
  if (relation.columns.length === 0 && !streaming) return { kind: 'distinct', output: input.output, input };
  const keys = new Set(
    (relation.columns.length === 0 ? input.output.map(({ name }) => name) : relation.columns).flatMap(
      (name) => {
        resolver.column(input, name);
        return input.output.filter((each) => resolver.rule.same(each.name, name)).map(({ id }) => id);
      },
    ),
  );
  if (streaming) {
    return { kind: 'deduplicate', output: input.output, input, keyIds: [...keys], withinWatermark };
  }
  const columns = input.output.map((attribute): NamedExpression => {
    const column = columnOf(attribute);
    if (keys.has(attribute.id)) return { attribute, value: column };
    const { type, nullable } = attribute;
    const value: Expression = {
      kind: 'aggregate',
      name: 'first',
      args: [column],
      distinct: false,
      filter: undefined,
      type,
      nullable,
    };
    return { attribute, value };
  });
  const groupBy = input.output.filter(({ id }) => keys.has(id)).map(columnOf);
  return resolver.builder.aggregate(input, groupBy, columns);
}
