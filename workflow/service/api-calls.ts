import { parseDay } from '../../common/day.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { JsonObject } from '../core/dag-model.ts';
import { type RunRecord, runKey, taskKey } from '../core/records.ts';
import type { SchedulerRequest } from '../core/requests.ts';
import { type AttemptWorld, taskAttemptDirectory } from './attempt-spec.ts';
import type { DagCatalog } from './dag-catalog.ts';
import { readLog } from './read-log.ts';
import { dagView, grid, runDetail, runsOf } from './views.ts';
import type { WorkflowService } from './workflow-service.ts';

export interface ApiParts {
  readonly service: WorkflowService;
  readonly catalog: DagCatalog;
  readonly world: AttemptWorld;
}

export interface ApiCall {
  readonly method: 'GET' | 'POST';
  /** Decoded parts of the path. */
  readonly path: readonly string[];
  readonly query: URLSearchParams;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface ApiAnswer {
  readonly status: number;
  /** Text as it is, anything else as JSON. */
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

const RUNS_SHOWN = 25;
const RUNS_SHOWN_MAX = 1_000;

/** One call of the API; docs/workflow.md lists them. Errors: DAG_NOT_FOUND, INVALID_ARGUMENT, those of the scheduler. */
export async function handleCall(parts: ApiParts, call: ApiCall): Promise<ApiAnswer> {
  const [api, dags, dagId, ...rest] = call.path;
  if (api === 'api' && dags === 'reload' && call.method === 'POST') {
    await parts.service.reload();
    return ok(listing(parts));
  }
  if (api !== 'api' || dags !== 'dags') return nothing(call);
  if (dagId === undefined) return call.method === 'GET' ? ok(listing(parts)) : nothing(call);
  return call.method === 'GET' ? read(parts, call, dagId, rest) : command(parts, call, dagId, rest);
}

function listing({ service, catalog }: ApiParts) {
  return {
    dags: [...service.state.models.values()].map((model) => dagView(service.state, model)),
    broken: catalog.broken(),
  };
}

async function read(
  parts: ApiParts,
  call: ApiCall,
  dagId: string,
  rest: readonly string[],
): Promise<ApiAnswer> {
  const { state } = parts.service;
  const model = state.models.get(dagId);
  const [what, name, sub, taskId, last] = rest;
  if (what === 'at' && name !== undefined) {
    const logicalMs = Date.parse(name);
    const run = runsOf(state, dagId).findLast((candidate) => candidate.logicalMs === logicalMs);
    if (run === undefined) throw notFound(`${dagId} has no run of ${name}`);
    return ok(runDetail(state, model, run));
  }
  if (what === 'runs' && name !== undefined) {
    const run = foundRun(parts, dagId, name);
    if (sub === undefined) return ok(runDetail(state, model, run));
    if (sub === 'tasks' && taskId !== undefined && last === 'log')
      return taskLog(parts, call.query, run, taskId);
    return nothing(call);
  }
  if (model === undefined) throw notFound(`there is no DAG ${dagId}: quarry dag list shows them`);
  if (what === undefined) return ok(dagView(state, model));
  if (what === 'runs')
    return ok(grid(state, model, Math.min(number(call.query, 'limit', RUNS_SHOWN), RUNS_SHOWN_MAX)));
  return nothing(call);
}

async function taskLog(
  { service, world }: ApiParts,
  query: URLSearchParams,
  run: RunRecord,
  taskId: string,
): Promise<ApiAnswer> {
  const task = service.state.tasks.get(taskKey(run.dagId, run.runId, taskId));
  if (task === undefined || task.attempt === 0) throw notFound(`${taskId} of ${run.runId} has not run yet`);
  const attempt = number(query, 'attempt', task.attempt);
  if (attempt < 1 || attempt > task.attempt)
    throw notFound(`${taskId} of ${run.runId} has no attempt ${attempt}: there are ${task.attempt}`);
  const { logFile } = taskAttemptDirectory(world, task, attempt);
  const range = query.has('tail')
    ? { tailBytes: number(query, 'tail', 0) }
    : { offset: number(query, 'offset', 0) };
  const { bytes, nextOffset } = await readLog(logFile, range);
  const headers = { 'x-log-attempt': String(attempt), 'x-log-next-offset': String(nextOffset) };
  return { status: 200, body: bytes, headers };
}

async function command(
  { service }: ApiParts,
  call: ApiCall,
  dagId: string,
  rest: readonly string[],
): Promise<ApiAnswer> {
  const [what, runId, verb] = rest;
  const request = requestOf(dagId, what, runId, verb, call.body);
  return request === undefined ? nothing(call) : ok(await service.request(request));
}

function requestOf(
  dagId: string,
  what: string | undefined,
  runId: string | undefined,
  verb: string | undefined,
  body: Readonly<Record<string, unknown>>,
): SchedulerRequest | undefined {
  if (runId === undefined) {
    if (what === 'pause' || what === 'unpause') return { kind: 'pause', dagId, isPaused: what === 'pause' };
    if (what === 'runs') {
      const params = objectField(body, 'params');
      return { kind: 'trigger', dagId, dateMs: dateField(body, 'date'), runId: runIdField(body), params };
    }
    if (what === 'backfill') return backfillOf(dagId, body);
    return undefined;
  }
  if (what !== 'runs') return undefined;
  if (verb === 'cancel') return { kind: 'cancel', dagId, runId };
  if (verb !== 'clear') return undefined;
  const tasks = body['tasks'] ?? [];
  if (!Array.isArray(tasks) || !tasks.every((item): item is string => typeof item === 'string'))
    throw new QuarryError('INVALID_ARGUMENT', 'tasks is an array of task ids');
  return {
    kind: 'clear',
    dagId,
    runId,
    taskIds: tasks,
    withDownstream: body['downstream'] === true,
    onlyFailed: body['onlyFailed'] === true,
  };
}

function backfillOf(dagId: string, body: Readonly<Record<string, unknown>>): SchedulerRequest {
  const fromMs = dateField(body, 'from');
  const toMs = dateField(body, 'to');
  if (fromMs === undefined || toMs === undefined)
    throw new QuarryError('INVALID_ARGUMENT', 'a backfill needs from and to: two dates as YYYY-MM-DD');
  const rerun = body['rerun'] ?? 'none';
  if (rerun !== 'none' && rerun !== 'failed' && rerun !== 'all')
    throw new QuarryError('INVALID_ARGUMENT', 'rerun is none, failed or all');
  const maxActiveRuns = body['maxActiveRuns'] ?? 1;
  if (typeof maxActiveRuns !== 'number' || !Number.isSafeInteger(maxActiveRuns) || maxActiveRuns < 1)
    throw new QuarryError('INVALID_ARGUMENT', 'maxActiveRuns is a whole number of at least 1');
  return {
    kind: 'backfill',
    dagId,
    fromMs,
    toMs,
    maxActiveRuns,
    isReversed: body['reverse'] === true,
    rerun,
    params: objectField(body, 'params'),
  };
}

function dateField(body: Readonly<Record<string, unknown>>, name: string): number | undefined {
  const value = body[name];
  if (value === undefined) return undefined;
  const ms = typeof value === 'string' ? parseDay(value) : undefined;
  if (ms === undefined)
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `${name} is a date as YYYY-MM-DD, not ${JSON.stringify(value)}`,
    );
  return ms;
}

/** It becomes a directory's name and a header's value. */
function runIdField(body: Readonly<Record<string, unknown>>): string | undefined {
  const value = body['runId'];
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || !/^\w[\w:+.~-]{0,199}$/.test(value))
    throw new QuarryError('INVALID_ARGUMENT', 'a run id has letters, digits and _ : + . ~ - (at most 200)');
  return value;
}

function objectField(body: Readonly<Record<string, unknown>>, name: string): JsonObject {
  const value = body[name] ?? {};
  if (typeof value !== 'object' || Array.isArray(value))
    throw new QuarryError('INVALID_ARGUMENT', `${name} is a JSON object`);
  return value as JsonObject;
}

function number(query: URLSearchParams, name: string, fallback: number): number {
  const text = query.get(name);
  if (text === null) return fallback;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0)
    throw new QuarryError('INVALID_ARGUMENT', `${name} is a whole number`);
  return value;
}

function foundRun({ service }: ApiParts, dagId: string, runId: string): RunRecord {
  const run = service.state.runs.get(runKey(dagId, runId));
  if (run === undefined) throw notFound(`${dagId} has no run ${runId}: quarry dag show ${dagId} lists them`);
  return run;
}

function ok(body: unknown): ApiAnswer {
  return { status: 200, body };
}

function nothing(call: ApiCall): ApiAnswer {
  return {
    status: 404,
    body: `nothing at ${call.method} /${call.path.join('/')}: docs/workflow.md lists the paths\n`,
  };
}

function notFound(message: string): QuarryError {
  return new QuarryError('DAG_NOT_FOUND', message);
}
