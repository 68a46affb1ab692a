import type { LogicalPlan } from './logical-plan.ts';
import { lowerLimits } from './optimize/lower-limits.ts';
import { pruneColumns } from './optimize/prune-columns.ts';
import { prunePartitions } from './optimize/prune-partitions.ts';
import { pushFilters } from './optimize/push-filters.ts';

/**
 * A plan of the same rows and output that reads less: filters and limits nearer to the scans, scans of only the columns and
 * files that count. What the kernel does well inside one fragment (join order, common sub-expressions) is left to it.
 */
export function optimize(plan: LogicalPlan): LogicalPlan {
  const pushed = prunePartitions(pushFilters(plan));
  const lowered = lowerLimits(pushed);
  return exactly(pruneColumns(lowered, new Set(plan.output.map(({ id }) => id))), plan);
}

/** The new plan under the old one's names and order. */
function exactly(plan: LogicalPlan, old: LogicalPlan): LogicalPlan {
  const same =
    plan.output.length === old.output.length &&
    plan.output.every((attribute, index) => attribute.id === old.output[index]!.id);
  if (same) return { ...plan, output: old.output };
  const columns = old.output.map((attribute) => ({
    attribute,
    value: { kind: 'column', id: attribute.id, type: attribute.type, nullable: attribute.nullable } as const,
  }));
  return { kind: 'project', output: old.output, input: plan, columns };
}
