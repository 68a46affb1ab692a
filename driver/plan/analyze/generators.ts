import { analysisError, unsupported } from '../errors.ts';
import type { Attribute, Expression } from '../expression.ts';
import type { LogicalPlan } from '../logical-plan.ts';
import type { StructField } from '../spark-type.ts';
import { STRING, arrayOf } from '../types/coercion.ts';
import { unify } from '../functions/function-spec.ts';
import type { UnresolvedNode } from '../unresolved.ts';
import type { Resolved } from './resolved.ts';
import type { RelationResolver } from './relation-resolver.ts';
import { columnOf } from './scope.ts';

type Node<Kind extends UnresolvedNode['kind']> = Extract<UnresolvedNode, { kind: Kind }>;

function passing(attributes: readonly Attribute[]): Resolved[] {
  return attributes.map((attribute) => ({
    value: columnOf(attribute),
    text: attribute.name,
    name: attribute.name,
    attribute,
  }));
}

/** `LATERAL VIEW [OUTER] explode(x) t AS a, b`: the input's columns, then the generator's under the view's name. */
export function resolveLateralView(
  node: Node<'lateral-view'>,
  input: LogicalPlan,
  resolver: RelationResolver,
): LogicalPlan {
  const generator = node.generator;
  if (generator.kind !== 'function') throw unsupported('A lateral view over what is no generator');
  const name = node.outer && !generator.name.endsWith('_outer') ? `${generator.name}_outer` : generator.name;
  const made = resolver.resolver(input.output).resolve({ ...generator, name });
  const plan = resolver.builder.projectResolved(input, [
    ...passing(input.output),
    { ...made, names: node.columns },
  ]);
  const { alias } = node;
  if (alias === undefined) return plan;
  const output = plan.output.map((attribute, index) =>
    index < input.output.length ? attribute : { ...attribute, qualifiers: [alias] },
  );
  return { ...plan, output };
}

/** Columns into rows: an array of (name, value) for each row, unnested. */
export function resolveUnpivot(
  node: Node<'unpivot'>,
  input: LogicalPlan,
  resolver: RelationResolver,
): LogicalPlan {
  const expressions = resolver.resolver(input.output);
  const ids = node.ids.map((id) => expressions.resolve(id));
  const idColumns = new Set(ids.flatMap(({ attribute }) => (attribute === undefined ? [] : [attribute.id])));
  const values =
    node.values === undefined || node.values.length === 0
      ? passing(input.output.filter(({ id }) => !idColumns.has(id)))
      : node.values.map((value) => expressions.resolve(value));
  if (values.length === 0) {
    throw analysisError(
      'UNPIVOT_VALUE_DATA_TYPE_MISMATCH',
      'At least one value column is needed for UNPIVOT.',
    );
  }
  const unified = unify(
    'unpivot',
    values.map(({ value }) => value),
  );
  const type = unified[0]!.type;
  const nullable = unified.some((value) => value.nullable);
  const fields: StructField[] = [
    { name: node.variableName, type: STRING, nullable: false },
    { name: node.valueName, type, nullable },
  ];
  const struct = { kind: 'struct', fields } as const;
  const text = (value: string): Expression => ({ kind: 'literal', value, type: STRING, nullable: false });
  const entries = unified.map(
    (value, index): Expression => ({
      kind: 'call',
      name: '$struct',
      args: [text(node.variableName), text(values[index]!.name), text(node.valueName), value],
      type: struct,
      nullable: false,
    }),
  );
  const list: Expression = {
    kind: 'call',
    name: '$list',
    args: entries,
    type: arrayOf(struct, false),
    nullable: false,
  };
  const rows: Expression = {
    kind: 'call',
    name: '$generate_fields',
    args: [list],
    type: struct,
    nullable: false,
  };
  return resolver.builder.projectResolved(input, [...ids, { value: rows, text: 'unpivot', name: 'unpivot' }]);
}
