import type { WireError } from '../../common/quarry-error.ts';
import type { CallbackName, Json, JsonObject } from './dag-model.ts';

export type TaskState =
  /** Waits for the tasks before it. */
  | 'none'
  /** May start; waits for a slot. */
  | 'scheduled'
  /** Has a slot; its process is being started. */
  | 'queued'
  | 'running'
  | 'success'
  | 'failed'
  | 'up_for_retry'
  | 'up_for_reschedule'
  | 'skipped'
  | 'upstream_failed';

export type RunState = 'queued' | 'running' | 'success' | 'failed';

/** scheduled by its cron, manual by a person or a program, backfill over a range of dates. */
export type RunKind = 'scheduled' | 'manual' | 'backfill';

export interface DagRecord {
  readonly dagId: string;
  readonly isPaused: boolean;
  /** Logical date of the newest scheduled run; the next one is after it. */
  readonly cursorMs: number;
}

export interface RunRecord {
  readonly dagId: string;
  readonly runId: string;
  readonly kind: RunKind;
  readonly state: RunState;
  readonly logicalMs: number;
  readonly intervalStartMs: number;
  readonly intervalEndMs: number;
  /** The DAG's parameters with those given for this run. */
  readonly params: JsonObject;
  readonly createdMs: number;
  readonly startedMs: number | undefined;
  readonly finishedMs: number | undefined;
  readonly backfill: BackfillPart | undefined;
  /** How often tasks of it were cleared. */
  readonly clears: number;
  /** Somebody has ended it: it fails whatever its tasks came to. */
  readonly isCancelled: boolean;
}

export interface BackfillPart {
  readonly backfillId: string;
  /** Runs of a backfill start in this order. */
  readonly position: number;
  readonly maxActiveRuns: number;
}

/** Why a running attempt is being ended. */
export type Ending = 'timeout' | 'sensor-timeout' | 'run-timeout' | 'cleared' | 'cancelled';

export interface TaskRecord {
  readonly dagId: string;
  readonly runId: string;
  readonly taskId: string;
  readonly state: TaskState;
  /** Tries begun, 1 with the first. A look of a rescheduled sensor is not a try of its own. */
  readonly tryNumber: number;
  /** tryNumber when the task was last cleared: retries count from there. */
  readonly triesBefore: number;
  /** How often it was cleared; part of the key of its writes, so that a cleared task writes anew. */
  readonly clears: number;
  /** Processes begun. With the task it is the fencing token: news of an older attempt counts for nothing. */
  readonly attempt: number;
  /** Attempts in a row that vanished with the scheduler that watched them. */
  readonly lost: number;
  readonly process: ProcessIdentity | undefined;
  readonly ending: Ending | undefined;
  /** Of the present attempt. */
  readonly startedMs: number | undefined;
  /** Of a sensor's first look since it was cleared. */
  readonly waitingSinceMs: number | undefined;
  readonly finishedMs: number | undefined;
  /** When an up_for_retry or up_for_reschedule may go on. */
  readonly nextMs: number | undefined;
  readonly error: WireError | undefined;
  readonly output: Json | undefined;
}

/** A pid alone may be another program's by now; with its start time (clock ticks since boot) it is one process. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTicks: number;
}

/** A callback that has to run: at least once, at most three times. */
export interface CallbackRecord {
  readonly callbackId: string;
  readonly dagId: string;
  readonly runId: string;
  /** '' for the run's own. */
  readonly taskId: string;
  readonly name: CallbackName;
  readonly tryNumber: number;
  readonly error: WireError | undefined;
  readonly attempt: number;
}

export type StateRecord =
  | { readonly kind: 'dag'; readonly record: DagRecord }
  | { readonly kind: 'run'; readonly record: RunRecord }
  | { readonly kind: 'task'; readonly record: TaskRecord }
  | { readonly kind: 'callback'; readonly record: CallbackRecord };

/** A change of the stored state. Those of one step are written in one atomic batch. */
export type Change =
  | { readonly put: StateRecord }
  | { readonly delete: { readonly kind: StateRecord['kind']; readonly key: string } };

const SEPARATOR = '\u0000';
export const runKey = (dagId: string, runId: string) => `${dagId}${SEPARATOR}${runId}`;
export const taskKey = (dagId: string, runId: string, taskId: string) =>
  `${dagId}${SEPARATOR}${runId}${SEPARATOR}${taskId}`;

export function keyOf(entry: StateRecord): string {
  switch (entry.kind) {
    case 'dag':
      return entry.record.dagId;
    case 'run':
      return runKey(entry.record.dagId, entry.record.runId);
    case 'task':
      return taskKey(entry.record.dagId, entry.record.runId, entry.record.taskId);
    case 'callback':
      return entry.record.callbackId;
  }
}

const TERMINAL: ReadonlySet<TaskState> = new Set(['success', 'failed', 'skipped', 'upstream_failed']);
export const isTerminal = (state: TaskState): boolean => TERMINAL.has(state);
export const isActiveRun = (run: RunRecord): boolean => run.state === 'queued' || run.state === 'running';
/** Holds a slot. */
export const holdsSlot = (task: TaskRecord): boolean => task.state === 'queued' || task.state === 'running';

export function newTask(dagId: string, runId: string, taskId: string): TaskRecord {
  return {
    dagId,
    runId,
    taskId,
    state: 'none',
    tryNumber: 0,
    triesBefore: 0,
    clears: 0,
    attempt: 0,
    lost: 0,
    process: undefined,
    ending: undefined,
    startedMs: undefined,
    waitingSinceMs: undefined,
    finishedMs: undefined,
    nextMs: undefined,
    error: undefined,
    output: undefined,
  };
}
