import type { LogicalPlan } from '../plan/logical-plan.ts';
import { inputsOf } from '../plan/plan-tree.ts';

/** The steps that Spark names; here the analyzed plan is what stages are cut from, so that they show the same tree. */
const STEPS = ['Parsed Logical Plan', 'Analyzed Logical Plan', 'Optimized Logical Plan', 'Physical Plan'];

/** A plan as an indented tree: each node with its columns, `name#id`. */
export function explainString(plan: LogicalPlan, extended: boolean): string {
  const tree = lines(plan).join('\n');
  const steps = extended ? STEPS : STEPS.slice(-1);
  return steps.map((step) => `== ${step} ==\n${tree}\n`).join('\n');
}

function lines(plan: LogicalPlan): string[] {
  const columns = plan.output.map(({ name, id }) => `${name}#${id}`).join(', ');
  const children = inputsOf(plan);
  return [
    `${title(plan)} [${columns}]`,
    ...children.flatMap((child, i) => {
      const isLast = i === children.length - 1;
      return lines(child).map(
        (line, j) => `${j === 0 ? (isLast ? '+- ' : ':- ') : isLast ? '   ' : ':  '}${line}`,
      );
    }),
  ];
}

function title(plan: LogicalPlan): string {
  const name = plan.kind
    .split('-')
    .map((word) => word[0]!.toUpperCase() + word.slice(1))
    .join('');
  switch (plan.kind) {
    case 'scan':
      return `${name} ${plan.format} ${plan.files.length} files`;
    case 'join':
      return `${name} ${plan.type}`;
    case 'set-operation':
      return `${name} ${plan.operation}${plan.all ? ' all' : ''}`;
    case 'limit':
      return `${name} ${plan.limit ?? 'all'}${plan.offset > 0 ? ` after ${plan.offset}` : ''}`;
    default:
      return name;
  }
}
