import { QuarryError, type WireError } from '../../common/quarry-error.ts';
import type { CallbackName, Callbacks, Json, TaskModel } from './dag-model.ts';
import { type Ending, newTask, type RunRecord, type TaskRecord } from './records.ts';
import { retryDelayMs } from './retry-delay.ts';
import type { Draft } from './scheduler-state.ts';

/** What an attempt came to. */
export type Outcome =
  | { readonly kind: 'success'; readonly output: Json | undefined }
  | { readonly kind: 'skipped'; readonly reason: string }
  /** `isFinal`: another try would fail the same way. */
  | { readonly kind: 'failed'; readonly error: WireError; readonly isFinal: boolean }
  /** A sensor has looked and not found. */
  | { readonly kind: 'reschedule' }
  /** Its process has gone without a result while no scheduler watched it. */
  | { readonly kind: 'lost'; readonly reason: string }
  /** It was to be started, and the scheduler ended before it was. */
  | { readonly kind: 'not-started' };

/** Losses in a row after which the task, not the machine, is to blame. */
const LOST_MAX = 3;

/** The end of an attempt: the one place where a task leaves queued or running. */
export function endAttempt(draft: Draft, model: TaskModel | undefined, task: TaskRecord, outcome: Outcome) {
  if (task.ending === 'cleared') return resetTask(draft, task);
  if (outcome.kind === 'success') return succeed(draft, model, task, outcome.output);
  if (outcome.kind === 'skipped' && task.ending === undefined) return skip(draft, task);
  if (task.ending !== undefined) return endForced(draft, model, task, task.ending);
  switch (outcome.kind) {
    case 'reschedule':
      draft.updateTask(task, {
        state: 'up_for_reschedule',
        process: undefined,
        nextMs: draft.nowMs + (model?.waiting?.intervalMs ?? 0),
        lost: 0,
      });
      return;
    case 'not-started':
      draft.updateTask(task, { state: 'scheduled', process: undefined });
      return;
    case 'lost':
      // Looking again is what a sensor does anyway.
      if (model?.waiting !== undefined) {
        draft.updateTask(task, { state: 'scheduled', process: undefined });
        return;
      }
      if (task.lost + 1 < LOST_MAX) {
        // The same try again: nobody knows how far it came, and its writes carry the same key.
        draft.updateTask(task, { state: 'scheduled', process: undefined, lost: task.lost + 1 });
        return;
      }
      return failOrRetry(draft, model, task, {
        error: new QuarryError('TASK_FAILED', outcome.reason).toWire(),
        isFinal: false,
      });
    case 'failed':
      return failOrRetry(draft, model, task, outcome);
    case 'skipped':
      return skip(draft, task);
  }
}

/** The attempt was ended from here and did not succeed before it went. */
function endForced(draft: Draft, model: TaskModel | undefined, task: TaskRecord, ending: Ending): void {
  switch (ending) {
    case 'timeout':
      return failOrRetry(draft, model, task, {
        error: deadline(`${task.taskId} ran longer than its timeout of ${model?.timeoutMs ?? 0} ms`),
        isFinal: false,
      });
    case 'sensor-timeout':
      return sensorTimedOut(draft, model, task);
    case 'run-timeout':
      return failOrRetry(draft, model, task, {
        error: deadline(`the run of ${task.taskId} took longer than its timeout`),
        isFinal: true,
      });
    case 'cancelled':
      return failOrRetry(draft, model, task, {
        error: new QuarryError('INTERRUPTED', `${task.taskId} was cancelled`).toWire(),
        isFinal: true,
      });
    case 'cleared':
      return resetTask(draft, task);
  }
}

export function sensorTimedOut(draft: Draft, model: TaskModel | undefined, task: TaskRecord): void {
  if (model?.waiting?.softFail === true) return skip(draft, task);
  const message = `${task.taskId} has waited ${model?.waiting?.timeoutMs ?? 0} ms and what it waits for has not come`;
  failOrRetry(draft, model, task, {
    error: new QuarryError('SENSOR_TIMEOUT', message).toWire(),
    isFinal: true,
  });
}

/** Back to before its first try; tries already made stay counted, and its writes get a key of their own. */
export function resetTask(draft: Draft, task: TaskRecord): void {
  draft.put({
    kind: 'task',
    record: {
      ...newTask(task.dagId, task.runId, task.taskId),
      tryNumber: task.tryNumber,
      triesBefore: task.tryNumber,
      attempt: task.attempt,
      clears: task.clears + 1,
    },
  });
}

export function skip(draft: Draft, task: TaskRecord): void {
  draft.updateTask(task, { ...ended(draft), state: 'skipped' });
}

function succeed(draft: Draft, model: TaskModel | undefined, task: TaskRecord, output: Json | undefined) {
  const record = draft.updateTask(task, { ...ended(draft), state: 'success', output, error: undefined });
  callBack(draft, model?.callbacks, 'onSuccess', record);
}

function failOrRetry(
  draft: Draft,
  model: TaskModel | undefined,
  task: TaskRecord,
  failure: { readonly error: WireError; readonly isFinal: boolean },
): void {
  const failures = task.tryNumber - task.triesBefore;
  const mayRetry = !failure.isFinal && model !== undefined && failures <= model.retries;
  const record = draft.updateTask(task, {
    ...ended(draft),
    state: mayRetry ? 'up_for_retry' : 'failed',
    error: failure.error,
    nextMs: mayRetry ? draft.nowMs + retryDelayMs(model, failures, task) : undefined,
  });
  callBack(draft, model?.callbacks, mayRetry ? 'onRetry' : 'onFailure', record);
}

function ended(draft: Draft): Partial<TaskRecord> {
  return { process: undefined, ending: undefined, finishedMs: draft.nowMs, nextMs: undefined, lost: 0 };
}

function deadline(message: string): WireError {
  return new QuarryError('DEADLINE', message).toWire();
}

export function callBack(
  draft: Draft,
  callbacks: Callbacks | undefined,
  name: CallbackName,
  about: TaskRecord | RunRecord,
): void {
  if (callbacks?.[name] === undefined) return;
  const isTask = 'taskId' in about;
  const taskId = isTask ? about.taskId : '';
  const count = isTask ? about.attempt : about.clears;
  const record = {
    callbackId: [about.dagId, about.runId, taskId, name, count].join('\u0000'),
    dagId: about.dagId,
    runId: about.runId,
    taskId,
    name,
    tryNumber: isTask ? about.tryNumber : 0,
    error: isTask ? about.error : undefined,
    attempt: 1,
  };
  draft.put({ kind: 'callback', record });
  draft.effects.push({ kind: 'call-back', callback: record });
}
