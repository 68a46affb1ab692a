import { QuarryError } from '../../common/quarry-error.ts';
import type { CronSchedule, JsonObject, Semantics, TriggerRule } from '../core/dag-model.ts';
import { Timetable } from '../core/timetable.ts';
import type { ActionSpec, CallbackSpec } from './actions.ts';

export interface CallbackOptions {
  readonly onSuccess?: CallbackSpec;
  readonly onFailure?: CallbackSpec;
  readonly onRetry?: CallbackSpec;
}

export interface TaskOptions extends CallbackOptions {
  /** Tasks that come before this one, by handle or id. */
  readonly after?: TaskRef | readonly TaskRef[];
  readonly triggerRule?: TriggerRule;
  /** Tries after the first. Default 0. */
  readonly retries?: number;
  /** Default 5 minutes. */
  readonly retryDelayMs?: number;
  /** Doubles the delay with each retry. */
  readonly exponentialBackoff?: boolean;
  /** Default one day. */
  readonly maxRetryDelayMs?: number;
  /** Adds up to this part of the delay, 0 to 1. Default 0. */
  readonly retryJitter?: number;
  /** Of one attempt. Default none. */
  readonly timeoutMs?: number;
  /** A pool of `workflow.pools`, which bounds how many of its tasks run at once. */
  readonly pool?: string;
}

export interface DagOptions {
  readonly description?: string;
  /** Without one the DAG runs when it is asked to. */
  readonly schedule?: CronSchedule;
  /** ISO 8601; a date alone is midnight UTC. */
  readonly startDate?: string;
  readonly endDate?: string;
  /** Runs every interval since the start date; else of missed ones only the newest. Default false. */
  readonly catchup?: boolean;
  /** Default 16. */
  readonly maxActiveRuns?: number;
  /** Of a whole run. Default none. */
  readonly runTimeoutMs?: number;
  /** Names and defaults of what a run may be given. */
  readonly params?: JsonObject;
  /** For every task that does not say otherwise. */
  readonly defaults?: Omit<TaskOptions, 'after'>;
  /** When a run as a whole has ended. */
  readonly onSuccess?: CallbackSpec;
  readonly onFailure?: CallbackSpec;
}

export type TaskRef = TaskHandle | string;

/** A task of a DAG that is being described. */
export class TaskHandle {
  readonly taskId: string;
  readonly action: ActionSpec;
  readonly options: TaskOptions;
  /** Ids, in the order in which they were named. */
  readonly upstream = new Set<string>();

  constructor(taskId: string, action: ActionSpec, options: TaskOptions) {
    this.taskId = taskId;
    this.action = action;
    this.options = options;
    for (const ref of [options.after ?? []].flat()) this.upstream.add(idOf(ref));
  }

  /** `a.to(b).to([c, d]).to(e)`: what follows comes after this task. */
  to(next: TaskHandle | readonly TaskHandle[]): TaskGroup {
    return new TaskGroup([this]).to(next);
  }
}

export class TaskGroup {
  readonly tasks: readonly TaskHandle[];

  constructor(tasks: readonly TaskHandle[]) {
    this.tasks = tasks;
  }

  to(next: TaskHandle | readonly TaskHandle[]): TaskGroup {
    const followers = [next].flat();
    for (const follower of followers) for (const task of this.tasks) follower.upstream.add(task.taskId);
    return new TaskGroup(followers);
  }
}

/** What a DAG's definition is given. */
export class DagBuilder {
  readonly tasks = new Map<string, TaskHandle>();

  /** Errors: DAG_INVALID for an id that is taken or no id. */
  task(taskId: string, action: ActionSpec, options: TaskOptions = {}): TaskHandle {
    checkId('task', taskId);
    if (this.tasks.has(taskId))
      throw new QuarryError('DAG_INVALID', `two tasks are called ${taskId}: give each an id of its own`);
    const handle = new TaskHandle(taskId, action, options);
    this.tasks.set(taskId, handle);
    return handle;
  }

  /** `d.chain(a, [b, c], e)`: each comes after all of the one before. */
  chain(...steps: readonly (TaskHandle | readonly TaskHandle[])[]): void {
    steps.reduce<TaskGroup | undefined>(
      (before, step) => before?.to(step) ?? new TaskGroup([step].flat()),
      undefined,
    );
  }
}

/** A DAG as its file has it, with functions. */
export class Dag {
  readonly kind = 'quarry-dag';
  readonly dagId: string;
  readonly options: DagOptions;
  readonly tasks: ReadonlyMap<string, TaskHandle>;

  constructor(dagId: string, options: DagOptions, tasks: ReadonlyMap<string, TaskHandle>) {
    this.dagId = dagId;
    this.options = options;
    this.tasks = tasks;
  }
}

/**
 * A workflow: what a DAG's file exports as its default (or an array of them).
 *
 * @example
 * export default dag('nightly', { schedule: cron('0 2 * * *', { semantics: 'interval' }) }, (d) => {
 *   const landed = d.task('landed', pathSensor('/data/raw/{{ ds | format("yyyy/MM/dd") }}/_SUCCESS'));
 *   const ranking = d.task('ranking', job('ranking.ts', ['--date', '{{ ds }}']), { retries: 2 });
 *   landed.to(ranking);
 * });
 *
 * Errors: DAG_INVALID.
 */
export function dag(dagId: string, options: DagOptions, define: (d: DagBuilder) => void): Dag {
  checkId('DAG', dagId);
  const builder = new DagBuilder();
  const answer: unknown = define(builder);
  if (answer instanceof Promise)
    throw new QuarryError('DAG_INVALID', `the definition of ${dagId} must not be asynchronous`);
  return new Dag(dagId, options, builder.tasks);
}

/**
 * A schedule: five cron fields, or six with seconds first, in an IANA time zone. `semantics` says what a run is about and has no
 * default, because the two differ by a day: 'interval' runs when the interval between two ticks is over and is about that interval
 * (`ds` of a nightly run is yesterday); 'trigger' is about the tick itself (`ds` of a nightly run is today). Errors: DAG_INVALID.
 */
export function cron(
  expression: string,
  options: { readonly timezone?: string; readonly semantics: Semantics },
): CronSchedule {
  const semantics = (options as { semantics?: Semantics } | undefined)?.semantics;
  if (semantics !== 'interval' && semantics !== 'trigger') {
    throw new QuarryError(
      'DAG_INVALID',
      `cron(${JSON.stringify(expression)}) needs { semantics: 'interval' } (ds is the interval that is over) or 'trigger' (ds is the tick)`,
    );
  }
  const schedule = { expression, timezone: options.timezone ?? 'UTC', semantics };
  // Says what is wrong with it where it is written.
  new Timetable(schedule);
  return schedule;
}

function checkId(what: string, id: string): void {
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}$/.test(id)) {
    throw new QuarryError(
      'DAG_INVALID',
      `${JSON.stringify(id)} is no id of a ${what}: letters, digits, _, - and . (at most 200)`,
    );
  }
}

function idOf(ref: TaskRef): string {
  return typeof ref === 'string' ? ref : ref.taskId;
}
