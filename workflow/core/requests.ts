import { QuarryError } from '../../common/quarry-error.ts';
import { abandonTasks, endEarly, tasksOfModel } from './advance.ts';
import type { DagModel, JsonObject } from './dag-model.ts';
import { checkParams } from './params.ts';
import { holdsSlot, isActiveRun, type RunRecord } from './records.ts';
import { addRun, isoSeconds } from './schedule-runs.ts';
import type { Draft } from './scheduler-state.ts';
import { resetTask } from './task-transitions.ts';
import { dayWindow, type RunWindow, timetableOf } from './timetable.ts';

/** What a person or a program asks of the scheduler. Dates are UTC days in ms: those of `ds`. */
export type SchedulerRequest =
  | TriggerRequest
  | BackfillRequest
  | ClearRequest
  | { readonly kind: 'pause'; readonly dagId: string; readonly isPaused: boolean }
  | { readonly kind: 'cancel'; readonly dagId: string; readonly runId: string };

export interface TriggerRequest {
  readonly kind: 'trigger';
  readonly dagId: string;
  /** The run of this date; without one the newest interval that is over (with trigger semantics: now). */
  readonly dateMs: number | undefined;
  /** Asking again for a run id answers the run that there is. */
  readonly runId: string | undefined;
  readonly params: JsonObject;
}

export interface BackfillRequest {
  readonly kind: 'backfill';
  readonly dagId: string;
  readonly fromMs: number;
  /** The last date, included. */
  readonly toMs: number;
  readonly maxActiveRuns: number;
  readonly isReversed: boolean;
  /** What becomes of dates that have a run already. */
  readonly rerun: 'none' | 'failed' | 'all';
  readonly params: JsonObject;
}

export interface ClearRequest {
  readonly kind: 'clear';
  readonly dagId: string;
  readonly runId: string;
  /** Empty for every task. */
  readonly taskIds: readonly string[];
  /** What comes after them, too. */
  readonly withDownstream: boolean;
  readonly onlyFailed: boolean;
}

export interface RequestAnswer {
  /** Runs that were made, cleared or changed. */
  readonly runIds: readonly string[];
  /** Of a backfill: logical dates that had a run already, and were left alone. */
  readonly skipped: readonly string[];
}

const DAY_MS = 86_400_000;
const BACKFILL_RUNS_MAX = 1_000;

/** Errors: DAG_NOT_FOUND, INVALID_ARGUMENT, LIMIT_EXCEEDED. */
export function handleRequest(draft: Draft, request: SchedulerRequest): RequestAnswer {
  const model = draft.model(request.dagId);
  if (request.kind === 'cancel') return cancel(draft, model, request.dagId, request.runId);
  if (model === undefined) {
    throw new QuarryError('DAG_NOT_FOUND', `there is no DAG ${request.dagId}: quarry dag list shows them`);
  }
  switch (request.kind) {
    case 'trigger':
      return trigger(draft, model, request);
    case 'backfill':
      return backfill(draft, model, request);
    case 'clear':
      return clear(draft, model, request);
    case 'pause': {
      const dag = draft.dag(model.dagId) ?? {
        dagId: model.dagId,
        isPaused: false,
        cursorMs: model.startMs - 1,
      };
      draft.put({ kind: 'dag', record: { ...dag, isPaused: request.isPaused } });
      return { runIds: [], skipped: [] };
    }
  }
}

/** Also of a DAG whose file is gone: what runs must be possible to end. */
function cancel(draft: Draft, model: DagModel | undefined, dagId: string, runId: string): RequestAnswer {
  const run = foundRun(draft, dagId, runId);
  if (isActiveRun(run)) {
    const startedMs = run.startedMs ?? draft.nowMs;
    draft.updateRun(run, { isCancelled: true, state: 'running', startedMs });
    const tasks = model === undefined ? draft.tasksOf(run) : tasksOfModel(draft, model, run);
    abandonTasks(draft, tasks, 'cancelled');
  }
  return { runIds: [run.runId], skipped: [] };
}

function trigger(draft: Draft, model: DagModel, request: TriggerRequest): RequestAnswer {
  checkParams(model.dagId, model.params, request.params);
  const runId = request.runId ?? freshRunId(draft, model.dagId);
  if (draft.run(model.dagId, runId) === undefined) {
    const window = windowOf(model, request.dateMs, draft.nowMs);
    addRun(draft, model, { kind: 'manual', window, params: request.params, runId });
  }
  return { runIds: [runId], skipped: [] };
}

function freshRunId(draft: Draft, dagId: string): string {
  for (let ms = draft.nowMs; ; ms++) {
    const runId = `manual__${isoSeconds(ms)}`;
    if (draft.run(dagId, runId) === undefined) return runId;
  }
}

/** A manual run is about what a scheduled one of that date would be about. */
function windowOf(model: DagModel, dateMs: number | undefined, nowMs: number): RunWindow {
  const timetable = model.schedule === undefined ? undefined : timetableOf(model.schedule);
  if (dateMs !== undefined) {
    const window = timetable?.next(dateMs - 1);
    return window !== undefined && window.logicalMs < dateMs + DAY_MS ? window : dayWindow(dateMs);
  }
  const now: RunWindow = { logicalMs: nowMs, startMs: nowMs, endMs: nowMs, dueMs: nowMs };
  if (model.schedule?.semantics !== 'interval') return now;
  return timetable?.latestDue(nowMs) ?? now;
}

function backfill(draft: Draft, model: DagModel, request: BackfillRequest): RequestAnswer {
  checkParams(model.dagId, model.params, request.params);
  const windows = windowsOf(model, request).filter((window) => window.dueMs <= draft.nowMs);
  if (windows.length === 0) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `no run of ${model.dagId} from ${day(request.fromMs)} to ${day(request.toMs)} is due by now`,
    );
  }
  if (windows.length > BACKFILL_RUNS_MAX) {
    throw new QuarryError(
      'LIMIT_EXCEEDED',
      `that range has ${windows.length} runs, a backfill takes ${BACKFILL_RUNS_MAX}: give a shorter one`,
    );
  }
  const backfillId = `backfill-${isoSeconds(draft.nowMs)}`;
  const runIds: string[] = [];
  const skipped: string[] = [];
  for (const [position, window] of (request.isReversed ? windows.toReversed() : windows).entries()) {
    const existing = draft.runsOf(model.dagId).findLast((run) => run.logicalMs === window.logicalMs);
    const part = { backfillId, position, maxActiveRuns: request.maxActiveRuns };
    if (existing === undefined) {
      const spec = { kind: 'backfill', window, params: request.params, backfill: part } as const;
      runIds.push(addRun(draft, model, spec).runId);
    } else if (
      !isActiveRun(existing) &&
      (request.rerun === 'all' || (request.rerun === 'failed' && existing.state === 'failed'))
    ) {
      clearTasks(draft, model, existing, allTasks(model));
      const again = foundRun(draft, model.dagId, existing.runId);
      draft.updateRun(again, { backfill: part, params: { ...again.params, ...request.params } });
      runIds.push(existing.runId);
    } else skipped.push(isoSeconds(window.logicalMs));
  }
  return { runIds, skipped };
}

function windowsOf(model: DagModel, { fromMs, toMs }: BackfillRequest): RunWindow[] {
  if (toMs < fromMs)
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `the last date of a backfill, ${day(toMs)}, is before its first, ${day(fromMs)}; --reverse begins with the newest`,
    );
  if (model.schedule !== undefined) {
    // A cron of every second would have millions: one more than allowed is enough to say so.
    const windows: RunWindow[] = [];
    let window = timetableOf(model.schedule).next(fromMs - 1);
    while (window !== undefined && window.logicalMs < toMs + DAY_MS && windows.length <= BACKFILL_RUNS_MAX) {
      windows.push(window);
      window = timetableOf(model.schedule).next(window.logicalMs);
    }
    return windows;
  }
  const days = Math.min(Math.floor((toMs - fromMs) / DAY_MS) + 1, BACKFILL_RUNS_MAX + 1);
  return Array.from({ length: days }, (_, i) => dayWindow(fromMs + i * DAY_MS));
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

function clear(draft: Draft, model: DagModel, request: ClearRequest): RequestAnswer {
  const run = foundRun(draft, request.dagId, request.runId);
  for (const taskId of request.taskIds) {
    if (!model.tasks.some((task) => task.taskId === taskId))
      throw new QuarryError('INVALID_ARGUMENT', `${model.dagId} has no task ${taskId}`);
  }
  let chosen = request.taskIds.length === 0 ? allTasks(model) : new Set(request.taskIds);
  if (request.onlyFailed) {
    chosen = new Set(
      [...chosen].filter((id) =>
        ['failed', 'upstream_failed'].includes(draft.task(run.dagId, run.runId, id).state),
      ),
    );
  }
  if (request.withDownstream) chosen = downstreamOf(model, chosen);
  clearTasks(draft, model, run, chosen);
  return { runIds: chosen.size === 0 ? [] : [run.runId], skipped: [] };
}

function clearTasks(draft: Draft, model: DagModel, run: RunRecord, taskIds: ReadonlySet<string>): void {
  if (taskIds.size === 0) return;
  for (const { taskId } of model.tasks) {
    if (!taskIds.has(taskId)) continue;
    const task = draft.task(run.dagId, run.runId, taskId);
    if (holdsSlot(task)) endEarly(draft, task, 'cleared');
    else if (task.state !== 'none') resetTask(draft, task);
  }
  draft.updateRun(run, {
    state: isActiveRun(run) ? run.state : 'queued',
    finishedMs: undefined,
    clears: run.clears + 1,
    isCancelled: false,
    ...(isActiveRun(run) ? {} : { startedMs: undefined }),
  });
}

/** The tasks and all that comes after them. Tasks are in topological order, so one pass is enough. */
function downstreamOf(model: DagModel, taskIds: ReadonlySet<string>): Set<string> {
  const found = new Set(taskIds);
  for (const task of model.tasks) if (task.upstream.some((id) => found.has(id))) found.add(task.taskId);
  return found;
}

function allTasks(model: DagModel): Set<string> {
  return new Set(model.tasks.map((task) => task.taskId));
}

function foundRun(draft: Draft, dagId: string, runId: string): RunRecord {
  const run = draft.run(dagId, runId);
  if (run === undefined)
    throw new QuarryError(
      'DAG_NOT_FOUND',
      `${dagId} has no run ${runId}: quarry dag show ${dagId} lists them`,
    );
  return run;
}
