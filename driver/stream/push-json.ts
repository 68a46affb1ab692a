import type { LogicalPlan } from '../plan/logical-plan.ts';

/** Placeholder until from_json's shape is known. */
export function pushJson(plan: LogicalPlan): LogicalPlan {
  return plan;
}
