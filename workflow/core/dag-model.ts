/** What JSON can hold: parameters, outputs and everything that crosses a process border. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };
export type JsonObject = Readonly<Record<string, Json>>;

/**
 * When a task may start, by the states of the tasks right before it:
 * all_success (the default), all_done (whatever became of them), all_failed, all_skipped, one_failed, one_success and one_done (at once,
 * without waiting for the others; done is succeeded or failed), none_failed (succeeded or skipped), none_failed_min_one_success,
 * none_skipped, all_done_min_one_success (none skipped, one succeeded), always (waits for nobody).
 */
export const TRIGGER_RULES = [
  'all_success',
  'all_done',
  'all_done_min_one_success',
  'all_failed',
  'all_skipped',
  'one_failed',
  'one_success',
  'one_done',
  'none_failed',
  'none_failed_min_one_success',
  'none_skipped',
  'always',
] as const;
export type TriggerRule = (typeof TRIGGER_RULES)[number];

/** interval: a run covers the time between two ticks and starts when it is over. trigger: a run starts at its tick and covers no time. */
export type Semantics = 'interval' | 'trigger';

export interface CronSchedule {
  readonly expression: string;
  /** An IANA zone. */
  readonly timezone: string;
  readonly semantics: Semantics;
}

/** What a task does. Every string in it but `kind` is a template. */
export type Action =
  | ShellAction
  | JobAction
  | SqlAction
  | HttpAction
  | EmailAction
  | SlackAction
  | FunctionAction
  | SensorAction;

export interface ShellAction {
  readonly kind: 'shell';
  /** For `/bin/sh -c`. */
  readonly command: string;
  readonly environment: Readonly<Record<string, string>>;
  /** This exit code means skipped. */
  readonly skipExitCode: number;
}

/** A program of the SDK (TypeScript, JavaScript) or of PySpark, as `quarry submit` runs it. */
export interface JobAction {
  readonly kind: 'job';
  /** Relative to the DAG's file. */
  readonly file: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** The output is the first row of the last statement. */
export interface SqlAction {
  readonly kind: 'sql';
  readonly statements: readonly string[];
}

export interface HttpAction {
  readonly kind: 'http';
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Any other status fails the task. */
  readonly expectedStatus: readonly number[];
  readonly requestTimeoutMs: number;
}

export interface EmailAction {
  readonly kind: 'email';
  /** `smtp://[USER:PASSWORD@]HOST:PORT`; '' for the configuration's. */
  readonly server: string;
  readonly from: string;
  readonly to: readonly string[];
  readonly cc: readonly string[];
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

export interface SlackAction {
  readonly kind: 'slack';
  readonly webhookUrl: string;
  readonly text: string;
}

/** A function of the DAG's file: the attempt's process loads the file again and calls it. */
export interface FunctionAction {
  readonly kind: 'function';
}

export type SensorAction = PathSensor | HttpSensor | DelaySensor | DagSensor;

/** Waits for a file or directory of the cluster; globs as everywhere in the file system. */
export interface PathSensor {
  readonly kind: 'path-sensor';
  readonly path: string;
}

/** Waits for a status; a server that refuses the connection is one that is not there yet. */
export interface HttpSensor {
  readonly kind: 'http-sensor';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly expectedStatus: readonly number[];
}

/** Waits until that long after the end of the data interval. */
export interface DelaySensor {
  readonly kind: 'delay-sensor';
  readonly delayMs: number;
}

/** Waits for another DAG's run of the logical date `offsetMs` before this run's, or for one task of it. */
export interface DagSensor {
  readonly kind: 'dag-sensor';
  readonly dagId: string;
  /** '' for the whole run. */
  readonly taskId: string;
  readonly offsetMs: number;
  /** With one of these the sensor itself fails. */
  readonly failedStates: readonly string[];
}

/** How a sensor waits. `timeoutMs` counts from its first look, over reschedules and retries. */
export interface Waiting {
  /** poke: one process looks again and again and holds its slot. reschedule: a process a look; the slot is free between. */
  readonly mode: 'poke' | 'reschedule';
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** A sensor that waited too long is skipped, not failed. */
  readonly softFail: boolean;
}

export interface TaskModel {
  readonly taskId: string;
  readonly action: Action;
  readonly upstream: readonly string[];
  readonly triggerRule: TriggerRule;
  readonly retries: number;
  readonly retryDelayMs: number;
  /** Doubles the delay with each retry, up to maxRetryDelayMs. */
  readonly exponentialBackoff: boolean;
  readonly maxRetryDelayMs: number;
  /** Adds up to this part of the delay, from 0 to 1, so that tasks that failed together do not come back together. */
  readonly retryJitter: number;
  /** Of one attempt; 0 for none. */
  readonly timeoutMs: number;
  /** '' for none but the service's slots. */
  readonly pool: string;
  /** Of sensors only. */
  readonly waiting: Waiting | undefined;
  readonly callbacks: Callbacks;
}

export interface Callbacks {
  readonly onSuccess: Action | undefined;
  readonly onFailure: Action | undefined;
  readonly onRetry: Action | undefined;
}
export type CallbackName = keyof Callbacks;

/** A DAG as its file describes it: no functions in it, so it crosses processes. Tasks are in an order in which upstream comes first. */
export interface DagModel {
  readonly dagId: string;
  /** Absolute path of its file. */
  readonly file: string;
  readonly description: string;
  readonly schedule: CronSchedule | undefined;
  /** No scheduled run has an earlier logical date. */
  readonly startMs: number;
  /** No scheduled run has a later logical date. */
  readonly endMs: number | undefined;
  readonly catchup: boolean;
  readonly maxActiveRuns: number;
  /** Of a whole run; 0 for none. */
  readonly runTimeoutMs: number;
  readonly params: JsonObject;
  readonly tasks: readonly TaskModel[];
  /** Of the run as a whole; onRetry never comes. */
  readonly callbacks: Callbacks;
}
