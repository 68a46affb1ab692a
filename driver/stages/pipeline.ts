import type { SplitGroup } from '../files/split-planner.ts';
import type { Expression } from '../plan/expression.ts';
import type { LogicalPlan, LogScanRange } from '../plan/logical-plan.ts';
import { inputsOf, withInputs } from '../plan/plan-tree.ts';
import type { StageStep } from './stage-steps.ts';
import type { FragmentInput, LogLeaf, ScanLeaf } from './task-sql.ts';

type Node<Kind extends LogicalPlan['kind']> = Extract<LogicalPlan, { kind: Kind }>;

/** How the rows of a fragment are divided among the tasks of its stage. */
export type Distribution =
  | { readonly kind: 'single' }
  /** One task for each group of splits of this scan. */
  | { readonly kind: 'scan'; readonly scan: ScanLeaf; readonly groups: readonly SplitGroup[] }
  /** One task for each range of this log, so that a task sees the rows of one partition in their order. */
  | { readonly kind: 'log'; readonly log: LogLeaf }
  /** One task for each partition of the exchanges it reads. */
  | { readonly kind: 'hash'; readonly partitions: number };

/** A fragment that is still growing: no exchange has been needed above it yet. */
export interface Pipeline {
  readonly plan: LogicalPlan;
  readonly distribution: Distribution;
  /** What its tasks do before, for example keep a table that `plan` reads. */
  readonly steps?: readonly StageStep[];
}

export const SINGLE: Distribution = { kind: 'single' };

export interface Share {
  readonly splits: ReadonlyMap<ScanLeaf, SplitGroup>;
  readonly preferredNodes: readonly string[];
  readonly scanBytes: number;
  readonly hashPartition: number | undefined;
  /** The part of the log that divides the stage. */
  readonly log?: { readonly leaf: LogLeaf; readonly range: LogScanRange };
  /** `rangeKey` of it, or ''. */
  readonly range: string;
}

export function shareOf(splits: ReadonlyMap<ScanLeaf, SplitGroup>, hashPartition: number | undefined): Share {
  const groups = [...splits.values()].toSorted((a, b) => b.lengthBytes - a.lengthBytes);
  return {
    splits,
    preferredNodes: groups[0]?.preferredNodes ?? [],
    scanBytes: groups.reduce((sum, group) => sum + group.lengthBytes, 0),
    hashPartition,
    range: '',
  };
}

// A side may be copied to every task when no row of it appears in the answer for want of a partner.
export const COPY_RIGHT = new Set(['inner', 'left', 'semi', 'anti', 'cross']);
export const COPY_LEFT = new Set(['inner', 'right', 'cross']);

/** The same node above what its input has become. */
export function over(plan: LogicalPlan & { readonly input: LogicalPlan }, input: Pipeline): Pipeline {
  return { ...input, plan: withInputs(plan, [input.plan]) };
}

export function joined(
  plan: Node<'join'>,
  left: Pipeline,
  right: Pipeline,
  distribution: Distribution,
): Pipeline {
  return {
    plan: { ...plan, left: left.plan, right: right.plan },
    distribution,
    steps: [...(left.steps ?? []), ...(right.steps ?? [])],
  };
}

export function readsLog(plan: LogicalPlan): boolean {
  return plan.kind === 'log-scan' || inputsOf(plan).some(readsLog);
}

export function columnsOf(plan: LogicalPlan): Expression[] {
  return plan.output.map(({ id, type, nullable }) => ({ kind: 'column', id, type, nullable }));
}

export function labelOf(label: string, inputs: readonly FragmentInput[]): string {
  const scanned = inputs.flatMap((input) => (input.kind === 'scan' ? [commonPath(input.scan)] : []));
  return scanned.length === 0 ? label : `scan ${scanned.join(', ')}: ${label}`;
}

function commonPath(scan: ScanLeaf): string {
  const [first] = scan.files;
  if (first === undefined) return 'nothing';
  return scan.files.length === 1 ? first.path : `${first.path} and ${scan.files.length - 1} more`;
}
