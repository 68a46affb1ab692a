import type { Expression } from '../expression.ts';
import {
  columnsOf,
  conjunction,
  conjuncts,
  expressionKey,
  hasGenerator,
  hasWindow,
  isDeterministic,
  transform,
} from '../expression-tree.ts';
import type { JoinType, LogicalPlan } from '../logical-plan.ts';
import { inputsOf, withInputs } from '../plan-tree.ts';

type Node<Kind extends LogicalPlan['kind']> = Extract<LogicalPlan, { kind: Kind }>;

/** Filters as near to the scans as their columns allow; a filter over a cross join becomes the join's condition. */
export function pushFilters(plan: LogicalPlan): LogicalPlan {
  return push(plan, []);
}

function filtered(plan: LogicalPlan, conditions: readonly Expression[]): LogicalPlan {
  const condition = conjunction(conditions);
  return condition === undefined ? plan : { kind: 'filter', output: plan.output, input: plan, condition };
}

function within(condition: Expression, ids: ReadonlySet<number>): boolean {
  return [...columnsOf(condition)].every((id) => ids.has(id));
}

function idsOf(plan: LogicalPlan): Set<number> {
  return new Set(plan.output.map(({ id }) => id));
}

function substitute(condition: Expression, values: ReadonlyMap<number, Expression>): Expression {
  return transform(condition, (node) => (node.kind === 'column' ? values.get(node.id) : undefined));
}

function push(plan: LogicalPlan, conditions: readonly Expression[]): LogicalPlan {
  switch (plan.kind) {
    case 'filter': {
      const own = conjuncts(plan.condition);
      if (!own.every(isDeterministic)) {
        return filtered({ ...plan, input: push(plan.input, []) }, conditions);
      }
      return push(plan.input, [...own, ...conditions]);
    }
    case 'project':
      return pushProject(plan, conditions);
    case 'aggregate':
      return pushAggregate(plan, conditions);
    case 'join':
      return pushJoin(plan, conditions);
    case 'sort':
    case 'distinct': {
      const input = push(plan.input, conditions);
      return { ...plan, input };
    }
    case 'set-operation': {
      const inputs = plan.inputs.map((input) => {
        const values = new Map(
          plan.output.map((attribute, index) => {
            const { id, type, nullable } = input.output[index]!;
            return [attribute.id, { kind: 'column', id, type, nullable } as const];
          }),
        );
        return ordered(
          push(
            input,
            conditions.map((condition) => substitute(condition, values)),
          ),
          input,
        );
      });
      return { ...plan, inputs };
    }
    default:
      return filtered(
        withInputs(
          plan,
          inputsOf(plan).map((input) => push(input, [])),
        ),
        conditions,
      );
  }
}

/** Set operations match columns by position: an input that changed keeps its order. */
function ordered(plan: LogicalPlan, old: LogicalPlan): LogicalPlan {
  if (plan.output.every(({ id }, index) => id === old.output[index]?.id)) return plan;
  return {
    kind: 'project',
    output: old.output,
    input: plan,
    columns: old.output.map((attribute) => ({
      attribute,
      value: { kind: 'column', id: attribute.id, type: attribute.type, nullable: attribute.nullable },
    })),
  };
}

function pushProject(plan: Node<'project'>, conditions: readonly Expression[]): LogicalPlan {
  const blocked = plan.columns.some(({ value }) => hasWindow(value) || hasGenerator(value));
  if (blocked) return filtered({ ...plan, input: push(plan.input, []) }, conditions);
  const values = new Map(plan.columns.map(({ value }, index) => [plan.output[index]!.id, value]));
  const movable = (condition: Expression): boolean =>
    [...columnsOf(condition)].every((id) => isDeterministic(values.get(id)!));
  const below = conditions.filter(movable).map((condition) => substitute(condition, values));
  const above = conditions.filter((condition) => !movable(condition));
  return filtered({ ...plan, input: push(plan.input, below) }, above);
}

/** Only conditions on grouping keys: they choose groups whole. A global aggregate has a row even without input. */
function pushAggregate(plan: Node<'aggregate'>, conditions: readonly Expression[]): LogicalPlan {
  const keys = new Set(plan.groupBy.map(expressionKey));
  const values = new Map(
    plan.columns.flatMap(({ value }, index) =>
      keys.has(expressionKey(value)) ? [[plan.output[index]!.id, value] as const] : [],
    ),
  );
  const movable = (condition: Expression): boolean => {
    const ids = [...columnsOf(condition)];
    return (
      plan.groupBy.length > 0 &&
      ids.length > 0 &&
      ids.every((id) => values.has(id)) &&
      isDeterministic(condition)
    );
  };
  const below = conditions.filter(movable).map((condition) => substitute(condition, values));
  const above = conditions.filter((condition) => !movable(condition));
  return filtered({ ...plan, input: push(plan.input, below) }, above);
}

/** Which side's rows a condition above the join, or in its ON, may take away before the join. */
const ABOVE: Readonly<Record<JoinType, { left: boolean; right: boolean }>> = {
  inner: { left: true, right: true },
  cross: { left: true, right: true },
  left: { left: true, right: false },
  right: { left: false, right: true },
  full: { left: false, right: false },
  semi: { left: true, right: false },
  anti: { left: true, right: false },
};
const INSIDE: Readonly<Record<JoinType, { left: boolean; right: boolean }>> = {
  inner: { left: true, right: true },
  cross: { left: true, right: true },
  left: { left: false, right: true },
  right: { left: true, right: false },
  full: { left: false, right: false },
  semi: { left: true, right: true },
  anti: { left: false, right: true },
};

function pushJoin(plan: Node<'join'>, conditions: readonly Expression[]): LogicalPlan {
  const leftIds = idsOf(plan.left);
  const rightIds = idsOf(plan.right);
  const left: Expression[] = [];
  const right: Expression[] = [];
  const inside: Expression[] = [];
  const above: Expression[] = [];
  const inner = plan.type === 'inner' || plan.type === 'cross';
  const place = (condition: Expression, may: { left: boolean; right: boolean }, rest: Expression[]): void => {
    const reads = columnsOf(condition).size > 0 && isDeterministic(condition);
    if (reads && may.left && within(condition, leftIds)) left.push(condition);
    else if (reads && may.right && within(condition, rightIds)) right.push(condition);
    else rest.push(condition);
  };
  for (const condition of plan.condition === undefined ? [] : conjuncts(plan.condition)) {
    place(condition, INSIDE[plan.type], inside);
  }
  for (const condition of conditions) {
    place(condition, ABOVE[plan.type], inner && isDeterministic(condition) ? inside : above);
  }
  const condition = conjunction(inside);
  const type =
    plan.type === 'cross' && condition !== undefined
      ? 'inner'
      : inner && condition === undefined
        ? 'cross'
        : plan.type;
  return filtered(
    { ...plan, type, condition, left: push(plan.left, left), right: push(plan.right, right) },
    above,
  );
}
