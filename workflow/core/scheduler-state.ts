import type { DagModel } from './dag-model.ts';
import {
  type CallbackRecord,
  type Change,
  type DagRecord,
  isActiveRun,
  keyOf,
  newTask,
  type RunRecord,
  runKey,
  type StateRecord,
  type TaskRecord,
  taskKey,
} from './records.ts';

/** How many attempts run at once, over all and by pool. */
export interface Capacity {
  readonly slots: number;
  readonly pools: ReadonlyMap<string, number>;
  /** Finished runs of a DAG that are remembered. */
  readonly runsKept: number;
}

/** All that the scheduler knows. It changes only through `apply`, with changes that are on disk. */
export class SchedulerState {
  models: ReadonlyMap<string, DagModel> = new Map();
  readonly capacity: Capacity;
  readonly dags = new Map<string, DagRecord>();
  readonly runs = new Map<string, RunRecord>();
  readonly tasks = new Map<string, TaskRecord>();
  readonly callbacks = new Map<string, CallbackRecord>();
  /** Keys of runs that are queued or running: a step looks at these only. */
  readonly activeRuns = new Set<string>();
  readonly runsOfDag = new Map<string, Set<string>>();

  constructor(capacity: Capacity) {
    this.capacity = capacity;
  }

  apply(changes: readonly Change[]): void {
    for (const change of changes) {
      if ('put' in change) this.#put(change.put);
      else this.#delete(change.delete.kind, change.delete.key);
    }
  }

  #put(entry: StateRecord): void {
    const key = keyOf(entry);
    switch (entry.kind) {
      case 'dag':
        this.dags.set(key, entry.record);
        break;
      case 'task':
        this.tasks.set(key, entry.record);
        break;
      case 'callback':
        this.callbacks.set(key, entry.record);
        break;
      case 'run': {
        this.runs.set(key, entry.record);
        if (isActiveRun(entry.record)) this.activeRuns.add(key);
        else this.activeRuns.delete(key);
        const ofDag = this.runsOfDag.get(entry.record.dagId) ?? new Set();
        this.runsOfDag.set(entry.record.dagId, ofDag.add(key));
        break;
      }
    }
  }

  #delete(kind: StateRecord['kind'], key: string): void {
    switch (kind) {
      case 'dag':
        this.dags.delete(key);
        break;
      case 'task':
        this.tasks.delete(key);
        break;
      case 'callback':
        this.callbacks.delete(key);
        break;
      case 'run': {
        const run = this.runs.get(key);
        if (run !== undefined) this.runsOfDag.get(run.dagId)?.delete(key);
        this.runs.delete(key);
        this.activeRuns.delete(key);
        break;
      }
    }
  }
}

/** What has to happen outside when a step's changes are on disk. */
export type Effect =
  | { readonly kind: 'start'; readonly task: TaskRecord }
  | { readonly kind: 'end'; readonly task: TaskRecord }
  | { readonly kind: 'call-back'; readonly callback: CallbackRecord }
  /** The run is forgotten: its logs may go. */
  | { readonly kind: 'forget'; readonly dagId: string; readonly runId: string };

/** A step in the making: reads see the step's own writes, and nothing of the state is touched. */
export class Draft {
  readonly state: SchedulerState;
  readonly nowMs: number;
  readonly effects: Effect[] = [];
  readonly #puts = new Map<string, StateRecord>();
  readonly #deletes = new Map<string, { kind: StateRecord['kind']; key: string }>();

  constructor(state: SchedulerState, nowMs: number) {
    this.state = state;
    this.nowMs = nowMs;
  }

  put(entry: StateRecord): void {
    const name = `${entry.kind} ${keyOf(entry)}`;
    this.#deletes.delete(name);
    this.#puts.set(name, entry);
  }

  delete(kind: StateRecord['kind'], key: string): void {
    this.#puts.delete(`${kind} ${key}`);
    this.#deletes.set(`${kind} ${key}`, { kind, key });
  }

  model(dagId: string): DagModel | undefined {
    return this.state.models.get(dagId);
  }

  dag(dagId: string): DagRecord | undefined {
    return this.#read<DagRecord>('dag', dagId, this.state.dags);
  }

  run(dagId: string, runId: string): RunRecord | undefined {
    return this.runByKey(runKey(dagId, runId));
  }

  runByKey(key: string): RunRecord | undefined {
    return this.#read<RunRecord>('run', key, this.state.runs);
  }

  /** A task that has no record yet is in state none. */
  task(dagId: string, runId: string, taskId: string): TaskRecord {
    return (
      this.#read<TaskRecord>('task', taskKey(dagId, runId, taskId), this.state.tasks) ??
      newTask(dagId, runId, taskId)
    );
  }

  /** The tasks of a run that have a record, whatever its DAG is now. */
  tasksOf({ dagId, runId }: RunRecord): TaskRecord[] {
    return [...this.state.tasks.values()]
      .filter((task) => task.dagId === dagId && task.runId === runId)
      .map((task) => this.task(dagId, runId, task.taskId));
  }

  callback(callbackId: string): CallbackRecord | undefined {
    return this.#read<CallbackRecord>('callback', callbackId, this.state.callbacks);
  }

  /** Queued and running runs, of one DAG or of all, in the order in which they were made. */
  activeRuns(dagId?: string): RunRecord[] {
    const keys = new Set(this.state.activeRuns);
    for (const entry of this.#puts.values()) if (entry.kind === 'run') keys.add(keyOf(entry));
    return [...keys]
      .flatMap((key) => this.runByKey(key) ?? [])
      .filter((run) => isActiveRun(run) && (dagId === undefined || run.dagId === dagId))
      .toSorted(byAge);
  }

  /** Every run of a DAG, oldest first. */
  runsOf(dagId: string): RunRecord[] {
    const keys = new Set(this.state.runsOfDag.get(dagId));
    for (const entry of this.#puts.values())
      if (entry.kind === 'run' && entry.record.dagId === dagId) keys.add(keyOf(entry));
    return [...keys].flatMap((key) => this.runByKey(key) ?? []).toSorted(byAge);
  }

  updateTask(task: TaskRecord, fields: Partial<TaskRecord>): TaskRecord {
    const record = { ...task, ...fields };
    this.put({ kind: 'task', record });
    return record;
  }

  updateRun(run: RunRecord, fields: Partial<RunRecord>): RunRecord {
    const record = { ...run, ...fields };
    this.put({ kind: 'run', record });
    return record;
  }

  get changes(): Change[] {
    return [
      ...[...this.#deletes.values()].map((entry) => ({ delete: entry })),
      ...[...this.#puts.values()].map((entry) => ({ put: entry })),
    ];
  }

  #read<T>(kind: StateRecord['kind'], key: string, stored: ReadonlyMap<string, T>): T | undefined {
    const name = `${kind} ${key}`;
    if (this.#deletes.has(name)) return undefined;
    return (this.#puts.get(name)?.record as T | undefined) ?? stored.get(key);
  }
}

function byAge(a: RunRecord, b: RunRecord): number {
  return (
    a.createdMs - b.createdMs ||
    (a.backfill?.position ?? 0) - (b.backfill?.position ?? 0) ||
    a.logicalMs - b.logicalMs ||
    (a.runId < b.runId ? -1 : 1)
  );
}
