import type { ExecutorSpec } from './job-graph.ts';
import type { TaskState } from './job-state.ts';

export interface ExecutorState {
  readonly spec: ExecutorSpec;
  running: number;
  /** Tasks started in all: between equals the one with fewer is taken, so that short tasks spread too. */
  started: number;
}

export type Placement =
  | { readonly kind: 'run'; readonly executor: ExecutorState }
  /** A better place may come free: look again at that time. */
  | { readonly kind: 'wait'; readonly untilMs: number }
  /** Every slot is taken. */
  | { readonly kind: 'full' };

/**
 * Where a task runs: on a node that holds its data; if those are busy, after `localityWaitMs` anywhere. A node without an
 * executor is not waited for. Executors that an attempt failed on come last.
 */
export function place(
  task: TaskState,
  executors: readonly ExecutorState[],
  nowMs: number,
  localityWaitMs: number,
): Placement {
  const untilMs = (task.pendingSinceMs ?? nowMs) + localityWaitMs;
  const isFree = ({ spec, running }: ExecutorState) => running < spec.slots;
  const { preferredNodes } = task.spec;
  const blameless = executors.filter(({ spec }) => !task.blamed.has(spec.id));
  const near = blameless.filter(({ spec }) => preferredNodes.includes(spec.node));
  for (const circle of [near, blameless]) {
    const free = circle.filter(isFree);
    if (free.length > 0) return { kind: 'run', executor: best(free, preferredNodes) };
    if (circle.length > 0 && nowMs < untilMs) return { kind: 'wait', untilMs };
  }
  const free = executors.filter(isFree);
  return free.length === 0 ? { kind: 'full' } : { kind: 'run', executor: best(free, preferredNodes) };
}

function best(candidates: readonly ExecutorState[], preferredNodes: readonly string[]): ExecutorState {
  const rank = ({ spec }: ExecutorState) => {
    const at = preferredNodes.indexOf(spec.node);
    return at < 0 ? preferredNodes.length : at;
  };
  return candidates.toSorted(
    (a, b) =>
      b.spec.slots - b.running - (a.spec.slots - a.running) ||
      rank(a) - rank(b) ||
      a.started - b.started ||
      (a.spec.id < b.spec.id ? -1 : 1),
  )[0]!;
}
