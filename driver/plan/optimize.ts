import type { LogicalPlan } from './logical-plan.ts';

export function optimize(plan: LogicalPlan): LogicalPlan {
  return plan;
}
