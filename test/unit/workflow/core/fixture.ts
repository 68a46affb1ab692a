import type { DagModel, TaskModel } from '../../../../workflow/core/dag-model.ts';
import {
  holdsSlot,
  isActiveRun,
  keyOf,
  type RunRecord,
  runKey,
  type StateRecord,
  taskKey,
  type TaskRecord,
} from '../../../../workflow/core/records.ts';
import { type SchedulerEvent, step } from '../../../../workflow/core/scheduler.ts';
import { type Capacity, type Effect, SchedulerState } from '../../../../workflow/core/scheduler-state.ts';
import type { Outcome } from '../../../../workflow/core/task-transitions.ts';

export const NO_CALLBACKS = { onSuccess: undefined, onFailure: undefined, onRetry: undefined };

export function task(taskId: string, fields: Partial<TaskModel> = {}): TaskModel {
  return {
    taskId,
    action: { kind: 'function' },
    upstream: [],
    triggerRule: 'all_success',
    retries: 0,
    retryDelayMs: 1_000,
    exponentialBackoff: false,
    maxRetryDelayMs: 60_000,
    retryJitter: 0,
    timeoutMs: 0,
    pool: '',
    waiting: undefined,
    callbacks: NO_CALLBACKS,
    ...fields,
  };
}

export function model(tasks: readonly TaskModel[], fields: Partial<DagModel> = {}): DagModel {
  return {
    dagId: 'd',
    file: '/d.ts',
    description: '',
    schedule: undefined,
    startMs: 0,
    endMs: undefined,
    catchup: false,
    maxActiveRuns: 16,
    runTimeoutMs: 0,
    params: {},
    callbacks: NO_CALLBACKS,
    ...fields,
    tasks,
  };
}

export const CAPACITY: Capacity = { slots: 100, pools: new Map(), runsKept: 1_000 };

/** A scheduler with virtual time. Attempts live until they are finished here; a second one beside a living one is an error. */
export class TestScheduler {
  state: SchedulerState;
  nowMs: number;
  /** Attempts whose process would be alive, by task key. */
  readonly live = new Map<string, TaskRecord>();
  readonly ending = new Set<string>();
  readonly started: string[] = [];
  readonly callbacks: string[] = [];
  readonly stored = new Map<string, string>();

  constructor(models: readonly DagModel[], nowMs: number, capacity: Capacity = CAPACITY) {
    this.nowMs = nowMs;
    this.state = new SchedulerState(capacity);
    this.state.models = new Map(models.map((each) => [each.dagId, each]));
    this.send({ kind: 'tick' });
  }

  send(event: SchedulerEvent) {
    const { changes, effects, answer } = step(this.state, event, this.nowMs);
    for (const change of changes) {
      if ('put' in change) this.stored.set(nameOf(change.put), JSON.stringify(change.put));
      else this.stored.delete(`${change.delete.kind} ${change.delete.key}`);
    }
    this.state.apply(changes);
    for (const effect of effects) this.#do(effect);
    return answer;
  }

  advance(ms: number): void {
    this.nowMs += ms;
    this.send({ kind: 'tick' });
  }

  trigger(dagId = 'd', runId = 'r', date?: string): void {
    const dateMs = date === undefined ? undefined : Date.parse(date);
    this.send({ kind: 'request', request: { kind: 'trigger', dagId, runId, dateMs, params: {} } });
  }

  finish(
    taskId: string,
    outcome: Outcome = { kind: 'success', output: undefined },
    runId = 'r',
    dagId = 'd',
  ) {
    const key = taskKey(dagId, runId, taskId);
    const attempt = this.live.get(key);
    if (attempt === undefined) throw new Error(`${taskId} of ${runId} is not running`);
    this.live.delete(key);
    this.ending.delete(key);
    this.send({ kind: 'finished', token: attempt, outcome });
  }

  fail(taskId: string, runId = 'r'): void {
    this.finish(
      taskId,
      { kind: 'failed', error: { code: 'TASK_FAILED', message: 'no', details: {} }, isFinal: false },
      runId,
    );
  }

  /** All processes of the scheduler and what it knew are gone; attempts live on. */
  restart(): void {
    const { models, capacity } = this.state;
    this.state = new SchedulerState(capacity);
    this.state.models = models;
    this.state.apply([...this.stored.values()].map((text) => ({ put: JSON.parse(text) as StateRecord })));
    for (const found of [...this.state.tasks.values()].filter(holdsSlot)) {
      if (found.ending !== undefined) this.ending.add(taskKey(found.dagId, found.runId, found.taskId));
    }
    this.send({ kind: 'tick' });
  }

  run(runId = 'r', dagId = 'd'): RunRecord {
    return this.state.runs.get(runKey(dagId, runId))!;
  }

  task(taskId: string, runId = 'r', dagId = 'd'): TaskRecord | undefined {
    return this.state.tasks.get(taskKey(dagId, runId, taskId));
  }

  /** `a:success b:running` */
  states(runId = 'r', dagId = 'd'): string {
    return this.state.models
      .get(dagId)!
      .tasks.map(({ taskId }) => `${taskId}:${this.task(taskId, runId, dagId)?.state ?? 'none'}`)
      .join(' ');
  }

  activeRunIds(): string[] {
    return [...this.state.runs.values()].filter(isActiveRun).map((each) => each.runId);
  }

  #do(effect: Effect): void {
    switch (effect.kind) {
      case 'start': {
        const { dagId, runId, taskId } = effect.task;
        const key = taskKey(dagId, runId, taskId);
        if (this.live.has(key)) throw new Error(`two attempts of ${taskId} at once`);
        this.live.set(key, effect.task);
        this.started.push(taskId);
        this.send({
          kind: 'started',
          token: effect.task,
          process: { pid: this.started.length, startTicks: 1 },
        });
        return;
      }
      case 'end':
        this.ending.add(taskKey(effect.task.dagId, effect.task.runId, effect.task.taskId));
        return;
      case 'call-back':
        this.callbacks.push(`${effect.callback.taskId}.${effect.callback.name}`);
        this.send({
          kind: 'called-back',
          callbackId: effect.callback.callbackId,
          attempt: effect.callback.attempt,
          isDone: true,
        });
        return;
      case 'forget':
    }
  }
}

function nameOf(entry: StateRecord): string {
  return `${entry.kind} ${keyOf(entry)}`;
}
