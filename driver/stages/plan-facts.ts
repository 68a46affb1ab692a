import type { Expression } from '../plan/expression.ts';
import { childrenOf, expressionKey, isDeterministic } from '../plan/expression-tree.ts';
import type { LogicalPlan } from '../plan/logical-plan.ts';
import { expressionsOf, inputsOf } from '../plan/plan-tree.ts';
import type { ScanLeaf } from './task-sql.ts';

export function scansOf(plan: LogicalPlan): ScanLeaf[] {
  return plan.kind === 'scan' ? [plan] : inputsOf(plan).flatMap(scansOf);
}

export function scanBytes(plan: LogicalPlan): number {
  return scansOf(plan).reduce(
    (sum, scan) => sum + scan.files.reduce((bytes, file) => bytes + file.lengthBytes, 0),
    0,
  );
}

/** What a plan reads at most, to tell small sides of joins: rows that are in the plan itself count by a guess. */
export function inputBytes(plan: LogicalPlan): number {
  switch (plan.kind) {
    case 'scan':
      return scanBytes(plan);
    case 'local':
      return plan.rows.length * 16 * Math.max(1, plan.output.length);
    case 'range':
      return Number((plan.end - plan.start) / (plan.step === 0n ? 1n : plan.step)) * 8;
    case 'limit':
      // As many rows as it lets through, of a kilobyte each at most.
      return Math.min(
        plan.limit === undefined ? Number.POSITIVE_INFINITY : plan.limit * 1024,
        inputBytes(plan.input),
      );
    default:
      return inputsOf(plan).reduce((sum, input) => sum + inputBytes(input), 0);
  }
}

/** Functions whose value depends on which rows stand beside a row, or before it: they need all rows in one place. */
const WHOLE_INPUT = new Set(['monotonically_increasing_id', 'spark_partition_id', 'input_file_name']);

/** Whether a node's expressions can be computed part by part. */
export function isRowWise(plan: LogicalPlan): boolean {
  return expressionsOf(plan).every((expression) => !needsWholeInput(expression));
}

/**
 * The keys that all windows of a node are partitioned by: rows that are equal in them may be computed apart from all others.
 * Undefined without any, and where something else in the node needs all rows.
 */
export function windowKeys(plan: LogicalPlan): readonly Expression[] | undefined {
  const partitions: (readonly Expression[])[] = [];
  const isDivisible = (expression: Expression): boolean => {
    if (expression.kind === 'call' && WHOLE_INPUT.has(expression.name)) return false;
    if (expression.kind === 'window') partitions.push(expression.partitionBy);
    return childrenOf(expression).every(isDivisible);
  };
  if (!expressionsOf(plan).every(isDivisible)) return undefined;
  const [first = [], ...others] = partitions;
  const keys = first.filter(
    (key) =>
      key.kind !== 'literal' &&
      isDeterministic(key) &&
      others.every((keys) => keys.some((other) => expressionKey(other) === expressionKey(key))),
  );
  return keys.length === 0 ? undefined : keys;
}

function needsWholeInput(expression: Expression): boolean {
  if (expression.kind === 'window') return true;
  if (expression.kind === 'call' && WHOLE_INPUT.has(expression.name)) return true;
  return childrenOf(expression).some(needsWholeInput);
}
