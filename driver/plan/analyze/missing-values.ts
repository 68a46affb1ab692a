import type { Attribute, Expression, NamedExpression } from '../expression.ts';
import { conjunction } from '../expression-tree.ts';
import { coerce } from '../functions/function-spec.ts';
import type { LogicalPlan } from '../logical-plan.ts';
import type { SparkType } from '../spark-type.ts';
import { INTEGER, isNumeric } from '../types/coercion.ts';
import type { UnresolvedNode } from '../unresolved.ts';
import { applyFunction } from './join-resolver.ts';
import type { RelationResolver } from './relation-resolver.ts';
import { columnOf } from './scope.ts';

type Node<Kind extends UnresolvedNode['kind']> = Extract<UnresolvedNode, { kind: Kind }>;

function isFloating(type: SparkType): boolean {
  return type.kind === 'float' || type.kind === 'double';
}

function fits(attribute: Attribute, value: Expression): boolean {
  if (value.type.kind === 'null') return true;
  if (isNumeric(value.type)) return isNumeric(attribute.type);
  return attribute.type.kind === value.type.kind;
}

function targets(
  input: LogicalPlan,
  names: readonly string[],
  resolver: RelationResolver,
): ReadonlySet<number> {
  const columns = names.length === 0 ? input.output : names.map((name) => resolver.column(input, name));
  return new Set(columns.map(({ id }) => id));
}

function remake(
  input: LogicalPlan,
  resolver: RelationResolver,
  change: (attribute: Attribute) => Expression | undefined,
): LogicalPlan {
  const columns = input.output.map((attribute): NamedExpression => {
    const value = change(attribute);
    if (value === undefined) return { attribute, value: columnOf(attribute) };
    return resolver.builder.named(attribute.name, value);
  });
  return resolver.builder.project(input, columns);
}

/** `fillna`: only columns of the value's own kind; NaN counts as missing. */
export function fillNa(node: Node<'fill-na'>, input: LogicalPlan, resolver: RelationResolver): LogicalPlan {
  const values = node.values.map((value) => resolver.constant(value));
  const ids = targets(input, node.columns, resolver);
  const order = node.columns.map((name) => resolver.column(input, name).id);
  return remake(input, resolver, (attribute) => {
    if (!ids.has(attribute.id)) return undefined;
    const value = values.length > 1 ? values[order.indexOf(attribute.id)] : values[0];
    if (value === undefined || !fits(attribute, value)) return undefined;
    const column = columnOf(attribute);
    const none: Expression = { kind: 'literal', value: null, type: attribute.type, nullable: true };
    const present = isFloating(attribute.type) ? applyFunction('nanvl', [column, none], true) : column;
    return applyFunction('coalesce', [present, coerce(value, attribute.type)], true);
  });
}

function isPresent(attribute: Attribute): Expression {
  const column = columnOf(attribute);
  const notNull = applyFunction('isnotnull', [column], true);
  if (!isFloating(attribute.type)) return notNull;
  return applyFunction(
    'and',
    [notNull, applyFunction('not', [applyFunction('isnan', [column], true)], true)],
    true,
  );
}

/** `dropna`: rows keep at least `minimum` values that are neither null nor NaN. */
export function dropNa(node: Node<'drop-na'>, input: LogicalPlan, resolver: RelationResolver): LogicalPlan {
  const ids = targets(input, node.columns, resolver);
  const tests = input.output.filter(({ id }) => ids.has(id)).map(isPresent);
  if (tests.length === 0) return input;
  const condition = node.minimum === undefined ? conjunction(tests)! : atLeast(node.minimum, tests);
  return resolver.builder.filter(input, condition);
}

function atLeast(minimum: number, tests: readonly Expression[]): Expression {
  const total = tests
    .map((test): Expression => ({ kind: 'cast', input: test, type: INTEGER, nullable: false, try: false }))
    .reduce((left, right) => applyFunction('+', [left, right], true));
  return applyFunction(
    '>=',
    [total, { kind: 'literal', value: minimum, type: INTEGER, nullable: false }],
    true,
  );
}

/** `replace`: a CASE for each column whose kind the old values have. */
export function replaceValues(
  node: Node<'replace'>,
  input: LogicalPlan,
  resolver: RelationResolver,
): LogicalPlan {
  const ids = targets(input, node.columns, resolver);
  const pairs = node.pairs.map(([old, value]) => [resolver.constant(old), resolver.constant(value)] as const);
  return remake(input, resolver, (attribute) => {
    if (!ids.has(attribute.id)) return undefined;
    const fitting = pairs.filter(([old]) => old.type.kind !== 'null' && fits(attribute, old));
    if (fitting.length === 0) return undefined;
    const column = columnOf(attribute);
    const branches = fitting.map(([old, value]) => ({
      when: applyFunction('==', [column, old], true),
      result: coerce(value, attribute.type),
    }));
    const nullable = attribute.nullable || fitting.some(([, value]) => value.nullable);
    return { kind: 'case', branches, otherwise: column, type: attribute.type, nullable };
  });
}
