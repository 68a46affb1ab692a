import type { DagModel, TaskModel } from './dag-model.ts';
import { holdsSlot, isTerminal, runKey, type RunRecord, type TaskRecord, taskKey } from './records.ts';
import type { Draft, SchedulerState } from './scheduler-state.ts';
import { scheduleRuns } from './schedule-runs.ts';
import { callBack, sensorTimedOut, skip } from './task-transitions.ts';
import { readiness } from './trigger-rule.ts';
import { timetableOf } from './timetable.ts';

/** Moves everything as far as the time and what is known allow. Doing it twice does nothing the second time. */
export function advance(draft: Draft): void {
  // A run that ends may let the next one begin, which may end at once, and so on.
  do for (const model of draft.state.models.values()) scheduleRuns(draft, model);
  while (startRuns(draft) || advanceRuns(draft));
  grantSlots(draft);
}

function startRuns(draft: Draft): boolean {
  const active = draft.activeRuns();
  const running = new Map<string, number>();
  for (const run of active)
    if (run.state === 'running') running.set(lane(run), (running.get(lane(run)) ?? 0) + 1);
  let hasStarted = false;
  for (const run of active) {
    const model = draft.model(run.dagId);
    if (run.state !== 'queued' || model === undefined) continue;
    const limit = run.backfill?.maxActiveRuns ?? model.maxActiveRuns;
    const count = running.get(lane(run)) ?? 0;
    if (count >= limit) continue;
    running.set(lane(run), count + 1);
    draft.updateRun(run, { state: 'running', startedMs: draft.nowMs });
    hasStarted = true;
  }
  return hasStarted;
}

/** Runs of one lane share a limit: a backfill has its own, beside the DAG's. */
function lane(run: RunRecord): string {
  return runKey(run.dagId, run.backfill?.backfillId ?? '');
}

/** True when a run has ended. */
function advanceRuns(draft: Draft): boolean {
  let hasEnded = false;
  for (const run of draft.activeRuns()) {
    const model = draft.model(run.dagId);
    if (run.state !== 'running') continue;
    // A DAG whose file is broken or gone keeps its runs until it is back, but for those that somebody has ended.
    if (model === undefined) {
      if (run.isCancelled) hasEnded = endWithoutModel(draft, run) || hasEnded;
      continue;
    }
    enforceRunTimeout(draft, model, run);
    for (const task of model.tasks) advanceTask(draft, task, draft.task(run.dagId, run.runId, task.taskId));
    if (model.tasks.every((task) => isTerminal(draft.task(run.dagId, run.runId, task.taskId).state))) {
      finishRun(draft, model, run);
      hasEnded = true;
    }
  }
  return hasEnded;
}

function endWithoutModel(draft: Draft, run: RunRecord): boolean {
  if (!draft.tasksOf(run).every((task) => isTerminal(task.state))) return false;
  draft.updateRun(run, { state: 'failed', finishedMs: draft.nowMs });
  return true;
}

function advanceTask(draft: Draft, spec: TaskModel, task: TaskRecord): void {
  switch (task.state) {
    case 'none': {
      const states = spec.upstream.map((id) => draft.task(task.dagId, task.runId, id).state);
      const ready = readiness(spec.triggerRule, states);
      if (ready === 'skip') skip(draft, task);
      else if (ready === 'upstream-failed')
        draft.updateTask(task, { state: 'upstream_failed', finishedMs: draft.nowMs });
      else if (ready === 'start')
        draft.updateTask(task, { state: 'scheduled', tryNumber: task.tryNumber + 1 });
      return;
    }
    case 'up_for_retry':
    case 'up_for_reschedule':
      if (waitsTooLong(spec, task, draft.nowMs)) sensorTimedOut(draft, spec, task);
      else if ((task.nextMs ?? 0) <= draft.nowMs) {
        const isNewTry = task.state === 'up_for_retry';
        draft.updateTask(task, {
          state: 'scheduled',
          nextMs: undefined,
          tryNumber: task.tryNumber + (isNewTry ? 1 : 0),
        });
      }
      return;
    case 'queued':
    case 'running': {
      if (task.ending !== undefined) return;
      if (waitsTooLong(spec, task, draft.nowMs)) endEarly(draft, task, 'sensor-timeout');
      else if (spec.timeoutMs > 0 && (task.startedMs ?? draft.nowMs) + spec.timeoutMs <= draft.nowMs)
        endEarly(draft, task, 'timeout');
      return;
    }
    case 'scheduled':
    case 'success':
    case 'failed':
    case 'skipped':
    case 'upstream_failed':
  }
}

function waitsTooLong(spec: TaskModel, task: TaskRecord, nowMs: number): boolean {
  return (
    spec.waiting !== undefined &&
    task.waitingSinceMs !== undefined &&
    task.waitingSinceMs + spec.waiting.timeoutMs <= nowMs
  );
}

/** Has the attempt's processes ended; what it was becomes known when they have gone. */
export function endEarly(draft: Draft, task: TaskRecord, ending: NonNullable<TaskRecord['ending']>): void {
  const record = draft.updateTask(task, { ending });
  draft.effects.push({ kind: 'end', task: record });
}

function enforceRunTimeout(draft: Draft, model: DagModel, run: RunRecord): void {
  if (model.runTimeoutMs === 0 || (run.startedMs ?? 0) + model.runTimeoutMs > draft.nowMs) return;
  abandonTasks(draft, tasksOfModel(draft, model, run), 'run-timeout');
}

/** Every task of a run, also those without a record yet. */
export function tasksOfModel(draft: Draft, model: DagModel, { dagId, runId }: RunRecord): TaskRecord[] {
  return model.tasks.map(({ taskId }) => draft.task(dagId, runId, taskId));
}

/** What runs is ended, what waits is skipped. */
export function abandonTasks(
  draft: Draft,
  tasks: readonly TaskRecord[],
  ending: 'run-timeout' | 'cancelled',
): void {
  for (const task of tasks) {
    if (holdsSlot(task)) {
      if (task.ending === undefined) endEarly(draft, task, ending);
    } else if (!isTerminal(task.state)) skip(draft, task);
  }
}

/** A run is what its last tasks are: those that nothing comes after. */
function finishRun(draft: Draft, model: DagModel, run: RunRecord): void {
  const followed = new Set(model.tasks.flatMap((task) => task.upstream));
  const leaves = model.tasks.filter((task) => !followed.has(task.taskId));
  const hasFailed = leaves.some((task) =>
    ['failed', 'upstream_failed'].includes(draft.task(run.dagId, run.runId, task.taskId).state),
  );
  const isSuccess = !hasFailed && !run.isCancelled && !isOverdue(model, run, draft.nowMs);
  const ended = draft.updateRun(run, { state: isSuccess ? 'success' : 'failed', finishedMs: draft.nowMs });
  callBack(draft, model.callbacks, isSuccess ? 'onSuccess' : 'onFailure', ended);
  forgetOldRuns(draft, run.dagId);
}

function isOverdue(model: DagModel, run: RunRecord, nowMs: number): boolean {
  return model.runTimeoutMs > 0 && (run.startedMs ?? 0) + model.runTimeoutMs <= nowMs;
}

function forgetOldRuns(draft: Draft, dagId: string): void {
  const finished = draft.runsOf(dagId).filter((run) => run.finishedMs !== undefined);
  for (const run of finished.slice(0, Math.max(0, finished.length - draft.state.capacity.runsKept))) {
    draft.delete('run', runKey(run.dagId, run.runId));
    for (const task of draft.state.tasks.values())
      if (task.dagId === dagId && task.runId === run.runId)
        draft.delete('task', taskKey(dagId, run.runId, task.taskId));
    draft.effects.push({ kind: 'forget', dagId, runId: run.runId });
  }
}

interface Candidate {
  readonly task: TaskRecord;
  readonly spec: TaskModel;
}

/** Oldest run first, within a run in the DAG's order. */
function grantSlots(draft: Draft): void {
  const waiting: Candidate[] = [];
  const used = new Map<string, number>();
  let slotsUsed = 0;
  for (const run of draft.activeRuns()) {
    for (const spec of draft.model(run.dagId)?.tasks ?? []) {
      const task = draft.task(run.dagId, run.runId, spec.taskId);
      if (holdsSlot(task)) {
        slotsUsed++;
        used.set(spec.pool, (used.get(spec.pool) ?? 0) + 1);
      } else if (task.state === 'scheduled') waiting.push({ task, spec });
    }
  }
  const { slots, pools } = draft.state.capacity;
  for (const { task, spec } of waiting) {
    if (slotsUsed >= slots) return;
    const inPool = used.get(spec.pool) ?? 0;
    if (spec.pool !== '' && inPool >= (pools.get(spec.pool) ?? 0)) continue;
    used.set(spec.pool, inPool + 1);
    slotsUsed++;
    startAttempt(draft, spec, task);
  }
}

function startAttempt(draft: Draft, spec: TaskModel, task: TaskRecord): void {
  const record = draft.updateTask(task, {
    state: 'queued',
    attempt: task.attempt + 1,
    startedMs: draft.nowMs,
    finishedMs: undefined,
    process: undefined,
    ending: undefined,
    ...(spec.waiting === undefined ? {} : { waitingSinceMs: task.waitingSinceMs ?? draft.nowMs }),
  });
  draft.effects.push({ kind: 'start', task: record });
}

/** When, after `nowMs`, `advance` has something to do although nothing happens; undefined for never. All until then is done. */
export function nextWakeMs(state: SchedulerState, nowMs: number): number | undefined {
  const times: number[] = [];
  for (const key of state.activeRuns) {
    const run = state.runs.get(key);
    const model = run === undefined ? undefined : state.models.get(run.dagId);
    if (run === undefined || model === undefined) continue;
    if (model.runTimeoutMs > 0 && run.startedMs !== undefined) times.push(run.startedMs + model.runTimeoutMs);
    for (const spec of model.tasks) {
      const task = state.tasks.get(taskKey(run.dagId, run.runId, spec.taskId));
      if (task !== undefined && task.ending === undefined) times.push(...deadlines(spec, task));
    }
  }
  for (const model of state.models.values()) {
    const dag = state.dags.get(model.dagId);
    if (model.schedule === undefined || dag === undefined || dag.isPaused) continue;
    const window = timetableOf(model.schedule).next(Math.max(dag.cursorMs, model.startMs - 1));
    if (window !== undefined) times.push(window.dueMs);
  }
  const later = times.filter((ms) => ms > nowMs);
  return later.length === 0 ? undefined : Math.min(...later);
}

function deadlines(spec: TaskModel, task: TaskRecord): number[] {
  const times: number[] = [];
  if (task.nextMs !== undefined) times.push(task.nextMs);
  if (isTerminal(task.state)) return times;
  if (spec.waiting !== undefined && task.waitingSinceMs !== undefined && task.state !== 'scheduled')
    times.push(task.waitingSinceMs + spec.waiting.timeoutMs);
  if (holdsSlot(task) && spec.timeoutMs > 0 && task.startedMs !== undefined)
    times.push(task.startedMs + spec.timeoutMs);
  return times;
}
