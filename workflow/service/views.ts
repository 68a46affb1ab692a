import type { WireError } from '../../common/quarry-error.ts';
import type { DagModel, Json, JsonObject } from '../core/dag-model.ts';
import { newTask, type RunRecord, taskKey, type TaskRecord } from '../core/records.ts';
import { isoSeconds } from '../core/schedule-runs.ts';
import type { SchedulerState } from '../core/scheduler-state.ts';
import { timetableOf } from '../core/timetable.ts';

// What the API answers. Times are ISO 8601 in UTC; what has not happened is null.

export interface DagView {
  readonly dagId: string;
  readonly file: string;
  readonly description: string;
  /** `0 2 * * * Europe/Berlin (interval)`, or null. */
  readonly schedule: string | null;
  readonly isPaused: boolean;
  readonly nextRunAt: string | null;
  readonly params: JsonObject;
  readonly tasks: readonly {
    readonly taskId: string;
    readonly kind: string;
    readonly upstream: readonly string[];
  }[];
  /** The one that was made last, whatever its date. */
  readonly lastRun: RunView | null;
}

/** A file of which nothing could be loaded. */
export interface BrokenFile {
  readonly file: string;
  readonly error: WireError;
}

export interface RunView {
  readonly dagId: string;
  readonly runId: string;
  readonly kind: string;
  readonly state: string;
  readonly logicalDate: string;
  readonly intervalStart: string;
  readonly intervalEnd: string;
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly params: JsonObject;
}

export interface TaskView {
  readonly taskId: string;
  readonly state: string;
  readonly tryNumber: number;
  readonly attempt: number;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly nextAt: string | null;
  readonly pid: number | null;
  readonly error: WireError | null;
  readonly output: Json;
}

export interface RunDetail extends RunView {
  readonly tasks: readonly TaskView[];
}

/** The last runs, newest last, each with the state of every task in the order of `tasks`. */
export interface Grid {
  readonly dagId: string;
  readonly tasks: readonly string[];
  readonly runs: readonly (RunView & { readonly states: readonly string[] })[];
}

export function dagView(state: SchedulerState, model: DagModel): DagView {
  const { schedule } = model;
  const dag = state.dags.get(model.dagId);
  const isPaused = dag?.isPaused ?? false;
  const next =
    schedule === undefined || dag === undefined || isPaused
      ? undefined
      : timetableOf(schedule).next(Math.max(dag.cursorMs, model.startMs - 1));
  const last = runsOf(state, model.dagId)
    .toSorted((a, b) => a.createdMs - b.createdMs)
    .at(-1);
  return {
    dagId: model.dagId,
    file: model.file,
    description: model.description,
    schedule:
      schedule === undefined ? null : `${schedule.expression} ${schedule.timezone} (${schedule.semantics})`,
    isPaused,
    nextRunAt: iso(next?.dueMs),
    params: model.params,
    tasks: model.tasks.map(({ taskId, action, upstream }) => ({ taskId, kind: action.kind, upstream })),
    lastRun: last === undefined ? null : runView(last),
  };
}

export function runView(run: RunRecord): RunView {
  return {
    dagId: run.dagId,
    runId: run.runId,
    kind: run.kind,
    state: run.state,
    logicalDate: isoSeconds(run.logicalMs),
    intervalStart: isoSeconds(run.intervalStartMs),
    intervalEnd: isoSeconds(run.intervalEndMs),
    createdAt: isoSeconds(run.createdMs),
    startedAt: iso(run.startedMs),
    finishedAt: iso(run.finishedMs),
    params: run.params,
  };
}

export function runDetail(state: SchedulerState, model: DagModel | undefined, run: RunRecord): RunDetail {
  return { ...runView(run), tasks: tasksOf(state, model, run).map(taskView) };
}

export function grid(state: SchedulerState, model: DagModel, count: number): Grid {
  const runs = runsOf(state, model.dagId).slice(-count);
  return {
    dagId: model.dagId,
    tasks: model.tasks.map((task) => task.taskId),
    runs: runs.map((run) => ({
      ...runView(run),
      states: tasksOf(state, model, run).map((task) => task.state),
    })),
  };
}

/** By logical date, then by age. */
export function runsOf(state: SchedulerState, dagId: string): RunRecord[] {
  return [...(state.runsOfDag.get(dagId) ?? [])]
    .flatMap((key) => state.runs.get(key) ?? [])
    .toSorted((a, b) => a.logicalMs - b.logicalMs || a.createdMs - b.createdMs);
}

/** In the DAG's order; without its model (a broken file) those that have a record. */
function tasksOf(state: SchedulerState, model: DagModel | undefined, run: RunRecord): TaskRecord[] {
  if (model === undefined)
    return [...state.tasks.values()].filter((task) => task.dagId === run.dagId && task.runId === run.runId);
  return model.tasks.map(
    ({ taskId }) =>
      state.tasks.get(taskKey(run.dagId, run.runId, taskId)) ?? newTask(run.dagId, run.runId, taskId),
  );
}

function taskView(task: TaskRecord): TaskView {
  return {
    taskId: task.taskId,
    state: task.state,
    tryNumber: task.tryNumber,
    attempt: task.attempt,
    startedAt: iso(task.startedMs),
    finishedAt: iso(task.finishedMs),
    nextAt: iso(task.nextMs),
    pid: task.process?.pid ?? null,
    error: task.error ?? null,
    output: task.output ?? null,
  };
}

function iso(ms: number | undefined): string | null {
  return ms === undefined ? null : isoSeconds(ms);
}
