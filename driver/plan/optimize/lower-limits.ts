import type { LogicalPlan } from '../logical-plan.ts';
import { hasGenerator, hasWindow } from '../expression-tree.ts';
import { inputsOf, withInputs } from '../plan-tree.ts';

/** Moves limits below projections, next to the sort they cut to a top-k, and joins a limit of a limit. */
export function lowerLimits(plan: LogicalPlan): LogicalPlan {
  const lowered = withInputs(plan, inputsOf(plan).map(lowerLimits));
  if (lowered.kind !== 'limit') return lowered;
  const { input } = lowered;
  if (input.kind === 'limit' && lowered.offset === 0 && lowered.limit !== undefined) {
    const limit = input.limit === undefined ? lowered.limit : Math.min(input.limit, lowered.limit);
    return { ...input, output: lowered.output, limit };
  }
  if (
    input.kind !== 'project' ||
    input.columns.some(({ value }) => hasGenerator(value) || hasWindow(value))
  ) {
    return lowered;
  }
  const below = lowerLimits({ ...lowered, input: input.input, output: input.input.output });
  return { ...input, output: lowered.output, input: below };
}
