import { rm } from 'node:fs/promises';
import { QuarryError } from '../../common/quarry-error.ts';
import type { Logger } from '../../common/log.ts';
import { nextWakeMs } from '../core/advance.ts';
import { type CallbackRecord, holdsSlot, type ProcessIdentity, type TaskRecord } from '../core/records.ts';
import type { RequestAnswer, SchedulerRequest } from '../core/requests.ts';
import { type AttemptToken, type SchedulerEvent, step } from '../core/scheduler.ts';
import { type Effect, SchedulerState } from '../core/scheduler-state.ts';
import type { Outcome } from '../core/task-transitions.ts';
import { attemptEnvironment } from '../run/attempt-environment.ts';
import type { AttemptLauncher } from '../run/attempt-launcher.ts';
import type { WorkflowStore } from '../store/workflow-store.ts';
import {
  type AttemptSpec,
  type AttemptWorld,
  callbackAttempt,
  runDirectory,
  taskAttempt,
  taskAttemptDirectory,
  taskToken,
} from './attempt-spec.ts';
import type { DagCatalog } from './dag-catalog.ts';

export interface ServiceParts {
  readonly state: SchedulerState;
  readonly store: WorkflowStore;
  readonly catalog: DagCatalog;
  readonly launcher: AttemptLauncher;
  readonly world: AttemptWorld;
  readonly log: Logger;
  /** The store has failed: what is in memory is ahead of it, or behind. */
  readonly fail: (cause: unknown) => void;
}

/** Longer waits overflow setTimeout; waking up for nothing costs nothing. */
const WAKE_MAX_MS = 60_000;
/** The clock of a cron tick is met from above: a timer may fire a little early. */
const WAKE_MIN_MS = 1;

/** The shell around the scheduler: one event after the other, each written down before anything comes of it. */
export class WorkflowService {
  readonly #parts: ServiceParts;
  #tail: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(parts: ServiceParts) {
    this.#parts = parts;
  }

  get state(): SchedulerState {
    return this.#parts.state;
  }

  /** Takes up what an earlier process left, then begins to schedule. */
  async start(hasSchedules: boolean): Promise<void> {
    const { state } = this.#parts;
    await this.reload();
    if (!hasSchedules) {
      const paused = [...state.models.keys()].map((dagId) => ({ dagId, isPaused: true, cursorMs: 0 }));
      state.apply(paused.map((record) => ({ put: { kind: 'dag', record } })));
    }
    const left = [...state.tasks.values()].filter(holdsSlot);
    for (const task of left) this.#adoptTask(task);
    for (const callback of state.callbacks.values()) this.#adoptCallback(callback);
    await this.#submit({ kind: 'tick' });
  }

  /** Loads DAG files that have changed. */
  async reload(): Promise<void> {
    const { catalog, state, log } = this.#parts;
    if (!(await catalog.refresh())) return;
    state.models = catalog.models();
    for (const { file, error } of catalog.broken()) log.warn({ file, error }, 'dag.broken');
    log.info({ dags: [...state.models.keys()] }, 'dags.loaded');
    if (this.#timer !== undefined) await this.#submit({ kind: 'tick' });
  }

  /** Errors: those of handleRequest. */
  async request(request: SchedulerRequest): Promise<RequestAnswer> {
    const answer = await this.#submit({ kind: 'request', request });
    return answer ?? { runIds: [], skipped: [] };
  }

  /** Stops scheduling. Attempts go on, and the next process finds them; sensors, which could wait for days, look again then. */
  async close(): Promise<void> {
    const { state, launcher, world } = this.#parts;
    this.#isClosed = true;
    clearTimeout(this.#timer);
    launcher.close();
    await this.#tail;
    const sensors = [...state.tasks.values()].filter(
      (task) =>
        holdsSlot(task) &&
        state.models.get(task.dagId)?.tasks.some(({ taskId, waiting }) => taskId === task.taskId && waiting),
    );
    await Promise.all(sensors.map((task) => launcher.end(taskToken(world, task), task.process)));
  }

  #submit(event: SchedulerEvent): Promise<RequestAnswer | undefined> {
    const done = this.#tail.then(() => this.#handle(event));
    this.#tail = done.catch(() => undefined);
    return done;
  }

  /** News from a process: nobody waits for what becomes of it. */
  #tell(event: SchedulerEvent): void {
    this.#submit(event).catch(this.#parts.fail);
  }

  async #handle(event: SchedulerEvent): Promise<RequestAnswer | undefined> {
    if (this.#isClosed) return undefined;
    const { state, store, fail, log } = this.#parts;
    const nowMs = Date.now();
    const { changes, effects, answer } = step(state, event, nowMs);
    if (changes.length > 0) {
      try {
        await store.write(changes);
      } catch (thrown) {
        fail(thrown);
        throw new QuarryError('DISK_FAILED', 'the workflow store cannot be written', { cause: thrown });
      }
      state.apply(changes);
    }
    log.debug({ event: event.kind, changes: changes.length, effects: effects.length }, 'scheduler.stepped');
    for (const effect of effects) this.#do(effect);
    this.#arm(nowMs);
    return answer;
  }

  #arm(nowMs: number): void {
    clearTimeout(this.#timer);
    const wakeMs = nextWakeMs(this.#parts.state, nowMs) ?? Number.POSITIVE_INFINITY;
    const delayMs = Math.min(Math.max(wakeMs - Date.now(), WAKE_MIN_MS), WAKE_MAX_MS);
    this.#timer = setTimeout(() => this.#tell({ kind: 'tick' }), delayMs);
  }

  #do(effect: Effect): void {
    const { launcher, world, log } = this.#parts;
    switch (effect.kind) {
      case 'start':
        return this.#startTask(effect.task);
      case 'end':
        launcher.end(taskToken(world, effect.task), effect.task.process).catch(this.#parts.fail);
        return;
      case 'call-back':
        return this.#startCallback(effect.callback);
      case 'forget':
        rm(runDirectory(world, effect.dagId, effect.runId), { recursive: true, force: true }).catch(
          (thrown: unknown) => log.warn({ err: thrown }, 'run.logs-not-removed'),
        );
    }
  }

  #startTask(task: TaskRecord): void {
    const { launcher, world, state } = this.#parts;
    const started = this.#launch(() => {
      const spec = taskAttempt(world, state, task);
      return launcher.start(spec.directory, spec.input, environmentOf(spec));
    });
    if (started.process !== undefined) this.#started(task, started.process);
    this.#awaitTask(task, started.end);
  }

  /** What keeps a process from being started fails the attempt, not the scheduler. */
  #launch(start: () => ReturnType<AttemptLauncher['start']>): ReturnType<AttemptLauncher['start']> {
    try {
      return start();
    } catch (thrown) {
      const error = QuarryError.from(thrown).toWire();
      return { process: undefined, end: Promise.resolve({ kind: 'failed', error, isFinal: false }) };
    }
  }

  #adoptTask(task: TaskRecord): void {
    const { launcher, world, log } = this.#parts;
    const token = taskToken(world, task);
    log.info({ token, state: task.state }, 'attempt.found');
    if (task.ending !== undefined) launcher.end(token, task.process).catch(this.#parts.fail);
    const directory = taskAttemptDirectory(world, task, task.attempt);
    const end = launcher.adopt(directory, token, (process) => this.#started(task, process));
    this.#awaitTask(task, end);
  }

  #started(task: TaskRecord, process: ProcessIdentity): void {
    this.#tell({ kind: 'started', token: tokenOf(task), process });
  }

  #awaitTask(task: TaskRecord, end: Promise<Outcome>): void {
    end.then((outcome) => {
      this.#parts.log.info({ ...tokenOf(task), outcome: outcome.kind }, 'attempt.ended');
      this.#tell({ kind: 'finished', token: tokenOf(task), outcome });
    }, this.#parts.fail);
  }

  #startCallback(callback: CallbackRecord): void {
    const { launcher, world, state } = this.#parts;
    const started = this.#launch(() => {
      const spec = callbackAttempt(world, state, callback);
      if (spec === undefined)
        throw new QuarryError('DAG_INVALID', `${callback.dagId} has no ${callback.name} any more`);
      return launcher.start(spec.directory, spec.input, environmentOf(spec));
    });
    this.#awaitCallback(callback, started.end);
  }

  #adoptCallback(callback: CallbackRecord): void {
    const { launcher, world, state } = this.#parts;
    const spec = callbackAttempt(world, state, callback);
    if (spec === undefined) return;
    this.#awaitCallback(
      callback,
      launcher.adopt(spec.directory, spec.token, () => undefined),
    );
  }

  #awaitCallback({ callbackId, attempt, name }: CallbackRecord, end: Promise<Outcome>): void {
    end.then((outcome) => {
      const isDone = outcome.kind === 'success' || outcome.kind === 'skipped';
      if (!isDone) this.#parts.log.warn({ callbackId, name, outcome }, 'callback.failed');
      this.#tell({ kind: 'called-back', callbackId, attempt, isDone });
    }, this.#parts.fail);
  }
}

function environmentOf({ input, clears }: AttemptSpec): Record<string, string> {
  return attemptEnvironment(input, clears);
}

function tokenOf({ dagId, runId, taskId, attempt }: TaskRecord): AttemptToken {
  return { dagId, runId, taskId, attempt };
}
