import type { Attribute, Expression, NamedExpression } from './expression.ts';
import { isLeaf, type LogicalPlan } from './logical-plan.ts';
import { transform } from './expression-tree.ts';

export function inputsOf(plan: LogicalPlan): readonly LogicalPlan[] {
  if (isLeaf(plan)) return [];
  switch (plan.kind) {
    case 'join':
      return [plan.left, plan.right];
    case 'set-operation':
      return plan.inputs;
    default:
      return [plan.input];
  }
}

/** The plan over other inputs, in the order of `inputsOf`. Outputs of nodes that pass columns on are the caller's to renew. */
export function withInputs(plan: LogicalPlan, inputs: readonly LogicalPlan[]): LogicalPlan {
  if (isLeaf(plan)) return plan;
  switch (plan.kind) {
    case 'join':
      return { ...plan, left: inputs[0]!, right: inputs[1]! };
    case 'set-operation':
      return { ...plan, inputs };
    default:
      return { ...plan, input: inputs[0]! };
  }
}

export function expressionsOf(plan: LogicalPlan): readonly Expression[] {
  switch (plan.kind) {
    case 'project':
      return plan.columns.map(({ value }) => value);
    case 'filter':
      return [plan.condition];
    case 'aggregate':
      return [...plan.groupBy, ...plan.columns.map(({ value }) => value)];
    case 'join':
      return plan.condition === undefined ? [] : [plan.condition];
    case 'sort':
      return plan.orders.map(({ input }) => input);
    default:
      return [];
  }
}

export function mapExpressions(plan: LogicalPlan, map: (expression: Expression) => Expression): LogicalPlan {
  const named = (column: NamedExpression): NamedExpression => ({ ...column, value: map(column.value) });
  switch (plan.kind) {
    case 'project':
      return { ...plan, columns: plan.columns.map(named) };
    case 'filter':
      return { ...plan, condition: map(plan.condition) };
    case 'aggregate':
      return { ...plan, groupBy: plan.groupBy.map(map), columns: plan.columns.map(named) };
    case 'join':
      return plan.condition === undefined ? plan : { ...plan, condition: map(plan.condition) };
    case 'sort':
      return { ...plan, orders: plan.orders.map((order) => ({ ...order, input: map(order.input) })) };
    default:
      return plan;
  }
}

/** A copy whose attributes have ids of their own, so that a view can be read twice in one plan. */
export function withFreshIds(plan: LogicalPlan, nextId: () => number): LogicalPlan {
  const ids = new Map<number, number>();
  const renew = (id: number): number => {
    const known = ids.get(id);
    if (known !== undefined) return known;
    const made = nextId();
    ids.set(id, made);
    return made;
  };
  const attribute = (each: Attribute): Attribute => ({ ...each, id: renew(each.id), planIds: [] });
  const expression = (each: Expression): Expression =>
    transform(each, (node) => (node.kind === 'column' ? { ...node, id: renew(node.id) } : undefined));
  const visit = (node: LogicalPlan): LogicalPlan => {
    const copied = mapExpressions(withInputs(node, inputsOf(node).map(visit)), expression);
    const output = copied.output.map(attribute);
    if (copied.kind === 'project' || copied.kind === 'aggregate') {
      const columns = copied.columns.map((column) => ({ ...column, attribute: attribute(column.attribute) }));
      return { ...copied, output, columns };
    }
    if (copied.kind === 'scan' && copied.fileColumns !== undefined) {
      const fileColumns = new Map([...copied.fileColumns].map(([id, name]) => [renew(id), name]));
      return { ...copied, output, fileColumns };
    }
    if (copied.kind === 'watermark') return { ...copied, output, columnId: renew(copied.columnId) };
    if (copied.kind === 'deduplicate') return { ...copied, output, keyIds: copied.keyIds.map(renew) };
    return { ...copied, output };
  };
  return visit(plan);
}
