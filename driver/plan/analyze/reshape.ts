import { analysisError, unsupported } from '../errors.ts';
import type { Expression, NamedExpression } from '../expression.ts';
import { coerce } from '../functions/function-spec.ts';
import type { LogicalPlan } from '../logical-plan.ts';
import type { StructType } from '../spark-type.ts';
import { INTEGER, STRING, isNumeric } from '../types/coercion.ts';
import type { UnresolvedNode } from '../unresolved.ts';
import type { RelationResolver } from './relation-resolver.ts';
import { columnOf } from './scope.ts';
import { functionSpec } from '../functions/function-table.ts';

/** `df.to(schema)`: columns by name, in the schema's order, cast to its types. */
export function toSchema(input: LogicalPlan, schema: StructType, resolver: RelationResolver): LogicalPlan {
  const columns = schema.fields.map((field): NamedExpression => {
    const found = input.output.find((attribute) => resolver.rule.same(attribute.name, field.name));
    if (found === undefined && !field.nullable) {
      throw analysisError(
        'UNRESOLVED_COLUMN.WITHOUT_SUGGESTION',
        `A column named \`${field.name}\` is required.`,
      );
    }
    const value: Expression =
      found === undefined
        ? { kind: 'literal', value: null, type: field.type, nullable: true }
        : coerce(columnOf(found), field.type);
    return resolver.builder.named(field.name, value);
  });
  return resolver.builder.project(input, columns);
}

const STATISTICS = [
  'count',
  'mean',
  'stddev',
  'min',
  '25%',
  '50%',
  '75%',
  'max',
  'count_distinct',
  'approx_count_distinct',
];

function statistic(name: string, column: Expression): Expression {
  const numeric = isNumeric(column.type);
  const literal = (value: number): Expression => ({
    kind: 'literal',
    value,
    type: { kind: 'double' },
    nullable: false,
  });
  const call = (key: string, args: readonly Expression[], distinct = false): Expression => {
    const bound = functionSpec(key)!.bind(args, { ansi: false });
    return {
      kind: 'aggregate',
      name: bound.key,
      args: bound.args,
      distinct,
      filter: undefined,
      type: bound.type,
      nullable: bound.nullable,
    };
  };
  const number = numeric
    ? column
    : ({ kind: 'cast', input: column, type: { kind: 'double' }, nullable: true, try: true } as const);
  if (name === 'count') return call('count', [column]);
  if (name === 'min' || name === 'max') return call(name, [column]);
  if (name === 'mean') return call('avg', [number]);
  if (name === 'stddev') return call('stddev', [number]);
  if (name === 'count_distinct') return call('count', [column], true);
  if (name === 'approx_count_distinct') return call(name, [column]);
  if (!name.endsWith('%')) throw unsupported(`The statistic ${name}`);
  return call('percentile_approx', [number, literal(Number(name.slice(0, -1)) / 100)]);
}

/** `describe` and `summary`: one row a statistic, every value as text. */
export function describeColumns(
  node: Extract<UnresolvedNode, { kind: 'describe' }>,
  input: LogicalPlan,
  resolver: RelationResolver,
): LogicalPlan {
  const { builder } = resolver;
  const names = node.statistics.length > 0 ? node.statistics : STATISTICS.slice(0, 8);
  const columns =
    node.columns.length > 0
      ? node.columns.map((name) => resolver.column(input, name))
      : input.output.filter(({ type }) => isNumeric(type) || type.kind === 'string');
  const parts = names.map((name) =>
    columns.map((attribute) => builder.named('_s', coerce(statistic(name, columnOf(attribute)), STRING))),
  );
  const aggregate = builder.aggregate(input, [], parts.flat());
  const row = builder.attribute('_n', INTEGER, false);
  const numbers: LogicalPlan = {
    kind: 'local',
    output: [row],
    rows: names.map((_, index) => [index]),
    arrowIpc: undefined,
  };
  const joined: LogicalPlan = {
    kind: 'join',
    output: [...numbers.output, ...aggregate.output],
    left: numbers,
    right: aggregate,
    type: 'cross',
    condition: undefined,
  };
  const pick = (values: readonly Expression[]): Expression => ({
    kind: 'case',
    branches: values.map((result, index) => ({
      when: {
        kind: 'call',
        name: '==',
        args: [columnOf(row), { kind: 'literal', value: index, type: INTEGER, nullable: false }],
        type: { kind: 'boolean' },
        nullable: false,
      },
      result,
    })),
    otherwise: undefined,
    type: STRING,
    nullable: true,
  });
  const text = (value: string): Expression => ({ kind: 'literal', value, type: STRING, nullable: false });
  const shown = columns.map((attribute, index) =>
    builder.named(attribute.name, pick(parts.map((part) => columnOf(part[index]!.attribute)))),
  );
  const sorted: LogicalPlan = {
    kind: 'sort',
    output: joined.output,
    input: joined,
    orders: [{ input: columnOf(row), ascending: true, nullsFirst: true }],
    global: true,
  };
  return builder.project(sorted, [builder.named('summary', pick(names.map(text))), ...shown]);
}
