import { QuarryError } from '../../common/quarry-error.ts';
import type {
  DagSensor,
  DelaySensor,
  EmailAction,
  HttpAction,
  HttpSensor,
  JobAction,
  Json,
  JsonObject,
  PathSensor,
  ShellAction,
  SlackAction,
  SqlAction,
  Waiting,
} from '../core/dag-model.ts';

/** What a function of a DAG's file gets to know. Dates as in templates; `params` and `outputs` as JSON. */
export interface TaskContext {
  readonly dagId: string;
  readonly taskId: string;
  readonly runId: string;
  readonly tryNumber: number;
  /** UTC date of the logical date. */
  readonly ds: string;
  readonly logicalDate: Date;
  readonly dataIntervalStart: Date;
  readonly dataIntervalEnd: Date;
  readonly params: JsonObject;
  /** What the tasks before this one answered, by task id. */
  readonly outputs: JsonObject;
  /** Of a callback of a failed task. */
  readonly error: string | undefined;
  /** Fills in the templates of a text. */
  render(text: string): string;
  /** Ends the task as skipped. */
  skip(reason: string): never;
}

/** Runs in a process of its own; what it answers is the task's output: JSON of at most 64 KiB. */
export type TaskFunction = (context: TaskContext) => Promise<Json | void> | Json | void;

export interface FunctionSpec {
  readonly kind: 'function';
  readonly run: TaskFunction;
}

interface SensorSpec<T> {
  readonly sensor: T;
  readonly waiting: Waiting;
}
export type AnySensorSpec = SensorSpec<PathSensor | HttpSensor | DelaySensor | DagSensor>;

/** What `d.task` takes: one of the makers below, or a function. */
export type ActionSpec =
  | ShellAction
  | JobAction
  | SqlAction
  | HttpAction
  | EmailAction
  | SlackAction
  | FunctionSpec
  | TaskFunction
  | AnySensorSpec;
/** What callbacks may be: everything but a sensor. */
export type CallbackSpec = Exclude<ActionSpec, AnySensorSpec>;

type Environment = Readonly<Record<string, string>>;

/** A command for /bin/sh. Exit code 0 is success, 99 skipped (`skipExitCode` names another). */
export function shell(
  command: string,
  options: { environment?: Environment; skipExitCode?: number } = {},
): ShellAction {
  return {
    kind: 'shell',
    command,
    environment: options.environment ?? {},
    skipExitCode: options.skipExitCode ?? 99,
  };
}

/** A job file with the SDK (.ts, .js) on the cluster, as `quarry submit` runs it. Its path is relative to the DAG's file. */
export function job(
  file: string,
  args: readonly string[] = [],
  options: { environment?: Environment } = {},
): JobAction {
  return { kind: 'job', file, args, environment: options.environment ?? {} };
}

/** A PySpark program on the cluster: `SparkSession.builder.getOrCreate()` finds it. */
export function pyspark(
  file: string,
  args: readonly string[] = [],
  options: { environment?: Environment } = {},
): JobAction {
  if (!file.endsWith('.py'))
    throw new QuarryError('DAG_INVALID', `pyspark takes a .py file, not ${JSON.stringify(file)}`);
  return job(file, args, options);
}

/** SQL on the cluster, one statement after the other. The first row of the last one is the output. */
export function sql(...statements: string[]): SqlAction {
  return { kind: 'sql', statements };
}

export interface HttpOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Default 200, 201, 202 and 204. */
  readonly expectedStatus?: number | readonly number[];
  readonly requestTimeoutMs?: number;
}

/** One request. The output is the body, parsed when it is JSON. */
export function http(url: string, options: HttpOptions = {}): HttpAction {
  return {
    kind: 'http',
    url,
    method: options.method ?? (options.body === undefined ? 'GET' : 'POST'),
    headers: options.headers ?? {},
    body: options.body ?? '',
    expectedStatus: [options.expectedStatus ?? [200, 201, 202, 204]].flat(),
    requestTimeoutMs: options.requestTimeoutMs ?? 60_000,
  };
}

export interface EmailOptions {
  readonly to: string | readonly string[];
  readonly cc?: string | readonly string[];
  readonly from?: string;
  readonly subject: string;
  readonly text?: string;
  readonly html?: string;
  /** `smtp://[USER:PASSWORD@]HOST:PORT`, smtps:// for TLS from the start. Default: `workflow.smtpUrl`. */
  readonly server?: string;
}

export function email(options: EmailOptions): EmailAction {
  return {
    kind: 'email',
    server: options.server ?? '',
    from: options.from ?? 'quarry@localhost',
    to: [options.to].flat(),
    cc: [options.cc ?? []].flat(),
    subject: options.subject,
    text: options.text ?? '',
    html: options.html ?? '',
  };
}

/** A message to a Slack incoming webhook. */
export function slack(options: { webhookUrl: string; text: string }): SlackAction {
  return { kind: 'slack', webhookUrl: options.webhookUrl, text: options.text };
}

export type WaitOptions = Partial<Waiting>;

const WAITING: Waiting = {
  mode: 'reschedule',
  intervalMs: 60_000,
  timeoutMs: 7 * 86_400_000,
  softFail: false,
};

/** Waits until something in the cluster's file system has this path; globs are allowed. */
export function pathSensor(path: string, options: WaitOptions = {}): AnySensorSpec {
  return { sensor: { kind: 'path-sensor', path }, waiting: { ...WAITING, ...options } };
}

/** Waits until the URL answers with an expected status (default 200). */
export function httpSensor(
  url: string,
  options: WaitOptions & Pick<HttpOptions, 'headers' | 'expectedStatus'> = {},
): AnySensorSpec {
  const { headers, expectedStatus, ...waiting } = options;
  return {
    sensor: {
      kind: 'http-sensor',
      url,
      headers: headers ?? {},
      expectedStatus: [expectedStatus ?? 200].flat(),
    },
    waiting: { ...WAITING, ...waiting },
  };
}

/** Waits until `delayMs` after the end of the data interval. */
export function delaySensor(delayMs: number, options: WaitOptions = {}): AnySensorSpec {
  return { sensor: { kind: 'delay-sensor', delayMs }, waiting: { ...WAITING, ...options } };
}

/** Waits for a successful run (or task) of another DAG with the same logical date, or one `offsetMs` earlier. */
export function dagSensor(
  dagId: string,
  options: WaitOptions & { taskId?: string; offsetMs?: number; failedStates?: readonly string[] } = {},
): AnySensorSpec {
  const { taskId, offsetMs, failedStates, ...waiting } = options;
  return {
    sensor: {
      kind: 'dag-sensor',
      dagId,
      taskId: taskId ?? '',
      offsetMs: offsetMs ?? 0,
      failedStates: failedStates ?? [],
    },
    waiting: { ...WAITING, ...waiting },
  };
}
