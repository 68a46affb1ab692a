import type { Attribute, Expression, NamedExpression } from '../expression.ts';
import { eventTimes } from '../event-time.ts';
import { columnsOf, hasGenerator } from '../expression-tree.ts';
import type { LogicalPlan } from '../logical-plan.ts';
import { expressionsOf } from '../plan-tree.ts';

type Ids = ReadonlySet<number>;
type Node<Kind extends LogicalPlan['kind']> = Extract<LogicalPlan, { kind: Kind }>;

function kept(output: readonly Attribute[], required: Ids): Attribute[] {
  return output.filter(({ id }) => required.has(id));
}

function withUsed(required: Ids, expressions: readonly Expression[]): Set<number> {
  const all = new Set(required);
  for (const expression of expressions) columnsOf(expression, all);
  return all;
}

/** The plan without columns that nothing above it reads. Its output keeps the order of what is left. */
export function pruneColumns(plan: LogicalPlan, required: Ids): LogicalPlan {
  switch (plan.kind) {
    case 'scan':
      return pruneScan(plan, required);
    case 'local':
    case 'range':
    case 'one-row':
    case 'exchange-read':
    case 'step-read':
    case 'state-read':
      return plan;
    case 'stream-source':
    case 'log-scan':
    case 'text-scan':
      return { ...plan, output: kept(plan.output, required) };
    case 'watermark':
    case 'on-time': {
      const used = new Set(required).add(plan.columnId);
      return { ...plan, input: pruneColumns(plan.input, used), output: kept(plan.output, used) };
    }
    case 'deduplicate': {
      const used = new Set([...required, ...plan.keyIds, ...eventTimes(plan).keys()]);
      return { ...plan, input: pruneColumns(plan.input, used), output: kept(plan.output, used) };
    }
    case 'stateful':
      return { ...plan, input: pruneColumns(plan.input, new Set(plan.input.output.map(({ id }) => id))) };
    case 'project': {
      const columns = plan.columns.filter(
        (column, index) => required.has(plan.output[index]!.id) || hasGenerator(column.value),
      );
      const output = plan.output.filter((_, index) => columns.includes(plan.columns[index]!));
      const { hidden: _, ...rest } = plan;
      return {
        ...rest,
        output,
        columns,
        input: pruneColumns(
          plan.input,
          withUsed(
            new Set(),
            columns.map(({ value }) => value),
          ),
        ),
      };
    }
    case 'aggregate': {
      const columns = plan.columns.filter((_, index) => required.has(plan.output[index]!.id));
      const output = kept(plan.output, required);
      const used = withUsed(new Set(), [...plan.groupBy, ...columns.map(({ value }) => value)]);
      return { ...plan, output, columns, input: pruneColumns(plan.input, used) };
    }
    case 'filter':
    case 'sort': {
      const input = pruneColumns(plan.input, withUsed(required, expressionsOf(plan)));
      return { ...plan, input, output: kept(plan.output, required) };
    }
    case 'limit':
    case 'tail':
    case 'sample':
      return { ...plan, input: pruneColumns(plan.input, required), output: kept(plan.output, required) };
    case 'distinct':
      return { ...plan, input: pruneColumns(plan.input, new Set(plan.output.map(({ id }) => id))) };
    case 'join':
      return pruneJoin(plan, required);
    case 'set-operation':
      return pruneSetOperation(plan, required);
  }
}

function pruneScan(plan: Node<'scan'>, required: Ids): LogicalPlan {
  const stored = plan.output.length - plan.partitionColumnCount;
  const positions = plan.output.flatMap((attribute, index) =>
    index >= stored && required.has(attribute.id)
      ? [plan.partitionIndexes?.[index - stored] ?? index - stored]
      : [],
  );
  const output = kept(plan.output, required);
  return { ...plan, output, partitionColumnCount: positions.length, partitionIndexes: positions };
}

function pruneJoin(plan: Node<'join'>, required: Ids): LogicalPlan {
  const used = withUsed(required, expressionsOf(plan));
  const left = pruneColumns(plan.left, used);
  const right = pruneColumns(plan.right, used);
  return { ...plan, left, right, output: kept(plan.output, required) };
}

/** Inputs correspond by position: only a UNION ALL may lose columns, and then the same ones everywhere. */
function pruneSetOperation(plan: Node<'set-operation'>, required: Ids): LogicalPlan {
  const free = plan.operation === 'union' && plan.all;
  const positions = plan.output.flatMap((attribute, index) =>
    !free || required.has(attribute.id) ? [index] : [],
  );
  const inputs = plan.inputs.map((input) => {
    const wanted = positions.map((index) => input.output[index]!);
    return exact(pruneColumns(input, new Set(wanted.map(({ id }) => id))), wanted);
  });
  return { ...plan, inputs, output: positions.map((index) => plan.output[index]!) };
}

function exact(plan: LogicalPlan, wanted: readonly Attribute[]): LogicalPlan {
  const same =
    plan.output.length === wanted.length && plan.output.every(({ id }, index) => id === wanted[index]!.id);
  if (same) return plan;
  const columns = wanted.map((attribute): NamedExpression => {
    const { id, type, nullable } = attribute;
    return { attribute, value: { kind: 'column', id, type, nullable } };
  });
  return { kind: 'project', output: wanted, input: plan, columns };
}
