import { dirname, isAbsolute, join } from 'node:path';
import { QuarryError } from '../../common/quarry-error.ts';
import {
  type Action,
  type CallbackName,
  type Callbacks,
  type DagModel,
  type TaskModel,
  TRIGGER_RULES,
  type Waiting,
} from '../core/dag-model.ts';
import { SCOPE_NAMES } from '../template/run-scope.ts';
import { checkTemplates } from '../template/template.ts';
import type { ActionSpec, TaskFunction } from './actions.ts';
import type { CallbackOptions, Dag, TaskHandle, TaskOptions } from './dag.ts';
import { inOrder } from './task-order.ts';

const DAY_MS = 86_400_000;

/** Checks a DAG and takes the functions out of it. Errors: DAG_INVALID, which names the DAG and what is wrong. */
export function dagModelOf(dag: Dag, file: string): DagModel {
  try {
    return modelOf(dag, file);
  } catch (thrown) {
    const error = QuarryError.from(thrown);
    throw new QuarryError('DAG_INVALID', `DAG ${dag.dagId}: ${error.message}`, { cause: thrown });
  }
}

function modelOf(dag: Dag, file: string): DagModel {
  const { options } = dag;
  if (dag.tasks.size === 0) throw invalid('it has no tasks');
  const schedule = options.schedule;
  if (schedule !== undefined && (options.catchup ?? false) && options.startDate === undefined)
    throw invalid('catchup needs a startDate: from when on are intervals to be run?');
  const handles = inOrder(dag.tasks);
  return {
    dagId: dag.dagId,
    file,
    description: options.description ?? '',
    schedule,
    startMs: options.startDate === undefined ? 0 : instant('startDate', options.startDate),
    endMs: options.endDate === undefined ? undefined : instant('endDate', options.endDate),
    catchup: options.catchup ?? false,
    maxActiveRuns: atLeast(1, 'maxActiveRuns', options.maxActiveRuns ?? 16),
    runTimeoutMs: atLeast(0, 'runTimeoutMs', options.runTimeoutMs ?? 0),
    params: options.params ?? {},
    tasks: handles.map((handle) => taskModelOf(dag, handle, file)),
    callbacks: callbacksOf(dag, options, '', file),
  };
}

function taskModelOf(dag: Dag, handle: TaskHandle, file: string): TaskModel {
  const options: TaskOptions = { ...dag.options.defaults, ...handle.options };
  const { taskId } = handle;
  const triggerRule = options.triggerRule ?? 'all_success';
  if (!TRIGGER_RULES.includes(triggerRule))
    throw invalid(
      `task ${taskId}: there is no trigger rule ${triggerRule}; there are ${TRIGGER_RULES.join(', ')}`,
    );
  const spec = handle.action;
  const waiting =
    typeof spec === 'object' && 'sensor' in spec ? checkedWaiting(taskId, spec.waiting) : undefined;
  return {
    taskId,
    action: actionOf(dag, spec, taskId, file),
    upstream: [...handle.upstream],
    triggerRule,
    retries: atLeast(0, `retries of ${taskId}`, options.retries ?? 0),
    retryDelayMs: atLeast(0, `retryDelayMs of ${taskId}`, options.retryDelayMs ?? 300_000),
    exponentialBackoff: options.exponentialBackoff ?? false,
    maxRetryDelayMs: atLeast(0, `maxRetryDelayMs of ${taskId}`, options.maxRetryDelayMs ?? DAY_MS),
    retryJitter: share(`retryJitter of ${taskId}`, options.retryJitter ?? 0),
    timeoutMs: atLeast(0, `timeoutMs of ${taskId}`, options.timeoutMs ?? 0),
    pool: options.pool ?? '',
    waiting,
    callbacks: callbacksOf(dag, options, taskId, file),
  };
}

function checkedWaiting(taskId: string, waiting: Waiting): Waiting {
  if (waiting.mode !== 'poke' && waiting.mode !== 'reschedule')
    throw invalid(`sensor ${taskId}: mode is poke or reschedule, not ${JSON.stringify(waiting.mode)}`);
  atLeast(1, `intervalMs of ${taskId}`, waiting.intervalMs);
  atLeast(1, `timeoutMs of ${taskId}`, waiting.timeoutMs);
  return waiting;
}

function callbacksOf(dag: Dag, options: CallbackOptions, taskId: string, file: string): Callbacks {
  const of = (name: CallbackName): Action | undefined => {
    const spec = options[name];
    return spec === undefined ? undefined : actionOf(dag, spec, taskId, file, name);
  };
  return { onSuccess: of('onSuccess'), onFailure: of('onFailure'), onRetry: of('onRetry') };
}

function actionOf(dag: Dag, spec: ActionSpec, taskId: string, file: string, callback?: CallbackName): Action {
  const place = [taskId === '' ? '' : `task ${taskId}`, callback ?? '']
    .filter((part) => part !== '')
    .join(', ');
  if (callback !== undefined && typeof spec === 'object' && 'sensor' in spec)
    throw invalid(`${place}: a callback cannot be a sensor`);
  const action = plainAction(spec, file);
  try {
    checkTemplates(action, (path) => checkName(dag, taskId, path, callback !== undefined));
  } catch (thrown) {
    throw invalid(`${place}: ${QuarryError.from(thrown).message}`);
  }
  return action;
}

function plainAction(spec: ActionSpec, file: string): Action {
  if (typeof spec === 'function') return { kind: 'function' };
  if ('sensor' in spec) return spec.sensor;
  if (spec.kind === 'function') return { kind: 'function' };
  if (spec.kind === 'job' && !isAbsolute(spec.file)) return { ...spec, file: join(dirname(file), spec.file) };
  return spec;
}

/** A name that a template of this task may use. Errors: DAG_INVALID. */
function checkName(dag: Dag, taskId: string, path: readonly string[], isCallback: boolean): void {
  const [head = '', second] = path;
  const written = `{{ ${path.join('.')} }}`;
  if (head === 'params') {
    if (second !== undefined && Object.hasOwn(dag.options.params ?? {}, second)) return;
    const known = Object.keys(dag.options.params ?? {}).join(', ') || 'none';
    throw invalid(`${written} names no parameter of the DAG; it has: ${known}`);
  }
  if (head === 'outputs') {
    if (second !== undefined && (taskId === '' ? dag.tasks.has(second) : before(dag, taskId).has(second)))
      return;
    throw invalid(`${written} names no task that comes before ${taskId || 'the end'}`);
  }
  if (head === 'error' && isCallback && path.length === 1) return;
  if (path.length === 1 && (SCOPE_NAMES as readonly string[]).includes(head)) return;
  throw invalid(
    `${written} names nothing; there are params.NAME, outputs.TASK, ${SCOPE_NAMES.join(', ')}${isCallback ? ', error' : ''}`,
  );
}

/** Ids of all tasks that come before one. */
function before(dag: Dag, taskId: string, found = new Set<string>()): Set<string> {
  for (const id of dag.tasks.get(taskId)?.upstream ?? []) {
    if (!found.has(id)) before(dag, id, found.add(id));
  }
  return found;
}

/** The function behind a `function` action. */
export function functionOf(
  dag: Dag,
  taskId: string,
  callback: CallbackName | undefined,
): TaskFunction | undefined {
  const options: CallbackOptions =
    taskId === '' ? dag.options : { ...dag.options.defaults, ...dag.tasks.get(taskId)?.options };
  const spec = callback === undefined ? dag.tasks.get(taskId)?.action : options[callback];
  if (typeof spec === 'function') return spec;
  return spec !== undefined && 'run' in spec ? spec.run : undefined;
}

function instant(name: string, text: string): number {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw invalid(`${name} ${JSON.stringify(text)} is no date: write 2026-11-01`);
  return ms;
}

function atLeast(least: number, name: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < least)
    throw invalid(`${name} is a whole number of at least ${least}, not ${String(value)}`);
  return value;
}

function share(name: string, value: number): number {
  if (!(value >= 0 && value <= 1)) throw invalid(`${name} is a number from 0 to 1, not ${String(value)}`);
  return value;
}

function invalid(message: string): QuarryError {
  return new QuarryError('DAG_INVALID', message);
}
