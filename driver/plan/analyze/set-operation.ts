import { analysisError, unsupported } from '../errors.ts';
import type { Expression } from '../expression.ts';
import type { LogicalPlan } from '../logical-plan.ts';
import { commonType } from '../types/coercion.ts';
import { sqlTypeName } from '../types/simple-string.ts';
import type { UnresolvedNode } from '../unresolved.ts';
import type { PlanBuilder } from './plan-builder.ts';
import { columnOf, type NameRule } from './scope.ts';

type SetNode = Extract<UnresolvedNode, { kind: 'set-operation' }>;

/** The right side in the order of the left side's names; columns only one side has become null where that is allowed. */
function alignByName(
  builder: PlanBuilder,
  left: LogicalPlan,
  right: LogicalPlan,
  node: SetNode,
  rule: NameRule,
): readonly [LogicalPlan, LogicalPlan] {
  const find = (plan: LogicalPlan, name: string) => plan.output.find((each) => rule.same(each.name, name));
  const extra = right.output.filter((each) => find(left, each.name) === undefined);
  const missing = left.output.filter((each) => find(right, each.name) === undefined);
  if (!node.allowMissing && (extra.length > 0 || missing.length > 0)) {
    const name = (missing[0] ?? extra[0])!.name;
    throw analysisError(
      'UNRESOLVED_COLUMN.WITH_SUGGESTION',
      `A column with name \`${name}\` cannot be resolved on both sides of the union by name: allow missing columns or select the same ones.`,
    );
  }
  const none = (name: string, type: LogicalPlan['output'][number]['type']) => {
    const value: Expression = { kind: 'literal', value: null, type, nullable: true };
    return builder.named(name, value);
  };
  const wider =
    extra.length === 0
      ? left
      : builder.project(left, [
          ...builder.passing(left.output),
          ...extra.map((each) => none(each.name, each.type)),
        ]);
  const aligned = wider.output.map((each) => {
    const found = find(right, each.name);
    return found === undefined ? none(each.name, each.type) : { attribute: found, value: columnOf(found) };
  });
  return [wider, builder.project(right, aligned)];
}

/** UNION, INTERSECT, EXCEPT: columns by position, widened to their common types; names are the first input's. */
export function makeSetOperation(
  builder: PlanBuilder,
  given: readonly [LogicalPlan, LogicalPlan],
  node: SetNode,
  rule: NameRule,
): LogicalPlan {
  const [left, right] = node.byName ? alignByName(builder, given[0], given[1], node, rule) : given;
  const word = node.operation.toUpperCase();
  if (left.output.length !== right.output.length) {
    throw analysisError(
      'NUM_COLUMNS_MISMATCH',
      `${word} can only be performed on inputs with the same number of columns, but the first input has ${left.output.length} columns and the second input has ${right.output.length} columns.`,
    );
  }
  const types = left.output.map((attribute, index) => {
    const other = right.output[index]!;
    const type = commonType(attribute.type, other.type);
    if (type === undefined) {
      throw analysisError(
        'INCOMPATIBLE_COLUMN_TYPE',
        `${word} can only be performed on tables with compatible column types. The ${index + 1}th column of the second table is "${sqlTypeName(other.type)}" type which is not compatible with "${sqlTypeName(attribute.type)}" at the same column of the first table.`,
      );
    }
    if (type.kind === 'map' && !(node.operation === 'union' && node.all))
      throw unsupported(`${word} of a map`);
    return type;
  });
  const inputs = [builder.castTo(left, types), builder.castTo(right, types)];
  const output = left.output.map((attribute, index) => {
    const either = attribute.nullable || right.output[index]!.nullable;
    const both = attribute.nullable && right.output[index]!.nullable;
    const nullable = { union: either, intersect: both, except: attribute.nullable }[node.operation];
    const made = builder.attribute(attribute.name, types[index]!, nullable, attribute.qualifiers);
    return { ...made, planIds: attribute.planIds };
  });
  return { kind: 'set-operation', output, inputs, operation: node.operation, all: node.all };
}
