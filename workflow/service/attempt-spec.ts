import { join } from 'node:path';
import { QuarryError } from '../../common/quarry-error.ts';
import type { Action, CallbackName, DagModel, Json, Waiting } from '../core/dag-model.ts';
import { type CallbackRecord, runKey, type RunRecord, type TaskRecord, taskKey } from '../core/records.ts';
import type { SchedulerState } from '../core/scheduler-state.ts';
import { AttemptDirectory, type AttemptInput } from '../run/attempt-directory.ts';
import { runScope } from '../template/run-scope.ts';

/** Where the service is and what its attempts are told of the world. */
export interface AttemptWorld {
  /** Where attempts have their directories. */
  readonly directory: string;
  /** Made with the store: attempts of another store on the same machine must not be taken for ours. */
  readonly storeId: string;
  readonly cluster: string;
  readonly smtpUrl: string;
  readonly workflowUrl: string;
}

export interface AttemptSpec {
  readonly directory: AttemptDirectory;
  readonly token: string;
  readonly input: AttemptInput;
  readonly clears: number;
}

export function runDirectory(world: AttemptWorld, dagId: string, runId: string): string {
  return join(world.directory, dagId, encodeURIComponent(runId));
}

export function taskAttemptDirectory(
  world: AttemptWorld,
  task: Pick<TaskRecord, 'dagId' | 'runId' | 'taskId'>,
  attempt: number,
): AttemptDirectory {
  return new AttemptDirectory(
    join(runDirectory(world, task.dagId, task.runId), task.taskId, String(attempt)),
  );
}

export function taskToken(world: AttemptWorld, task: TaskRecord): string {
  return [world.storeId, task.dagId, task.runId, task.taskId, task.attempt].join('/');
}

/** Errors: DAG_INVALID when the DAG has lost the task meanwhile. */
export function taskAttempt(world: AttemptWorld, state: SchedulerState, task: TaskRecord): AttemptSpec {
  const model = state.models.get(task.dagId);
  const spec = model?.tasks.find((candidate) => candidate.taskId === task.taskId);
  const run = state.runs.get(runKey(task.dagId, task.runId));
  if (model === undefined || spec === undefined || run === undefined)
    throw new QuarryError('DAG_INVALID', `${task.dagId} has no task ${task.taskId} any more`);
  const token = taskToken(world, task);
  return {
    directory: taskAttemptDirectory(world, task, task.attempt),
    token,
    clears: task.clears,
    input: inputOf(world, state, { model, run, token, task, action: spec.action, waiting: spec.waiting }),
  };
}

/** Undefined when the DAG has lost the callback meanwhile. */
export function callbackAttempt(
  world: AttemptWorld,
  state: SchedulerState,
  callback: CallbackRecord,
): AttemptSpec | undefined {
  const { dagId, runId, taskId, name } = callback;
  const model = state.models.get(dagId);
  const run = state.runs.get(runKey(dagId, runId));
  const owner = taskId === '' ? model : model?.tasks.find((candidate) => candidate.taskId === taskId);
  const action = owner?.callbacks[name];
  if (model === undefined || run === undefined || action === undefined) return undefined;
  const count = callback.callbackId.split('\u0000').at(-1) ?? '';
  const directory = new AttemptDirectory(
    join(runDirectory(world, dagId, runId), `@${taskId}`, `${name}-${count}-${callback.attempt}`),
  );
  const token = [world.storeId, ...callback.callbackId.split('\u0000'), callback.attempt].join('/');
  return {
    directory,
    token,
    clears: 0,
    input: inputOf(world, state, {
      model,
      run,
      token,
      task: callback,
      action,
      callback: name,
      waiting: undefined,
    }),
  };
}

interface InputOf {
  readonly model: DagModel;
  readonly run: RunRecord;
  readonly token: string;
  readonly task: Pick<TaskRecord, 'taskId' | 'tryNumber' | 'error'>;
  readonly action: Action;
  readonly callback?: CallbackName;
  readonly waiting: Waiting | undefined;
}

function inputOf(world: AttemptWorld, state: SchedulerState, about: InputOf): AttemptInput {
  const { model, run, token, task, action, callback, waiting } = about;
  const outputs = Object.fromEntries(
    model.tasks.map(({ taskId }): [string, Json] => [
      taskId,
      state.tasks.get(taskKey(run.dagId, run.runId, taskId))?.output ?? null,
    ]),
  );
  return {
    token,
    dagId: model.dagId,
    dagFile: model.file,
    runId: run.runId,
    taskId: task.taskId,
    callback,
    action,
    waiting,
    scope: runScope({
      run,
      schedule: model.schedule,
      taskId: task.taskId,
      tryNumber: task.tryNumber,
      outputs,
      error: callback === undefined ? undefined : (task.error?.message ?? ''),
    }),
    smtpUrl: world.smtpUrl,
    workflowUrl: world.workflowUrl,
    cluster: world.cluster,
    logicalMs: run.logicalMs,
    intervalEndMs: run.intervalEndMs,
  };
}
