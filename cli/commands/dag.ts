import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { clusterDirectory, readClusterFile } from '../../common/cluster-file.ts';
import { parseSettings } from '../../common/config.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { JsonObject } from '../../workflow/core/dag-model.ts';
import { paramsOfTexts } from '../../workflow/core/params.ts';
import { WorkflowClient } from '../../workflow/service/api-client.ts';
import type { RunDetail, TaskView } from '../../workflow/service/views.ts';
import { type Command, parse, print, printJson, wholeNumber } from '../command.ts';
import { dagLine, gridLines, runLines, taskLine } from '../dag/tables.ts';

const OPTIONS = {
  cluster: { type: 'string' },
  url: { type: 'string' },
  json: { type: 'boolean' },
  wait: { type: 'boolean' },
  once: { type: 'boolean' },
  dag: { type: 'string' },
  date: { type: 'string' },
  'run-id': { type: 'string' },
  param: { type: 'string', multiple: true },
  conf: { type: 'string' },
  set: { type: 'string', multiple: true },
  runs: { type: 'string' },
  from: { type: 'string' },
  to: { type: 'string' },
  'max-active': { type: 'string' },
  reverse: { type: 'boolean' },
  rerun: { type: 'string' },
  downstream: { type: 'boolean' },
  failed: { type: 'boolean' },
  attempt: { type: 'string' },
  tail: { type: 'string' },
  follow: { type: 'boolean' },
} as const;

type Values = ReturnType<typeof parse<typeof OPTIONS>>['values'];

interface Call {
  readonly client: WorkflowClient;
  readonly values: Values;
  /** What follows the verb. */
  readonly words: readonly string[];
}

const POLL_MS = 300;

interface Verb {
  readonly act: (call: Call) => Promise<number>;
  /** How many words may follow, and which options it has besides those of all. */
  readonly words: number;
  readonly options?: readonly (keyof typeof OPTIONS)[];
}

const GIVEN = ['param', 'conf'] as const;
const RUN_FILE = ['once', 'dag', 'date', 'set', ...GIVEN] as const;

const VERBS: Readonly<Record<string, Verb>> = {
  list: { act: list, words: 0 },
  show: { act: show, words: 1, options: ['runs'] },
  run: { act: run, words: 1, options: ['date', 'run-id', 'wait', ...GIVEN] },
  state: { act: async (call) => showRun(call, await foundRun(call)), words: 2 },
  backfill: {
    act: backfill,
    words: 1,
    options: ['from', 'to', 'max-active', 'reverse', 'rerun', 'wait', ...GIVEN],
  },
  clear: { act: clear, words: Infinity, options: ['downstream', 'failed', 'wait'] },
  cancel: { act: cancel, words: 2 },
  pause: { act: (call) => pause(call, true), words: 1 },
  unpause: { act: (call) => pause(call, false), words: 1 },
  logs: { act: logs, words: 3, options: ['attempt', 'tail', 'follow'] },
};

/** Of every verb. */
const SHARED: readonly string[] = ['cluster', 'url', 'json'];

export const dagCommand: Command = {
  name: 'dag',
  summary: 'workflows: what there is, what runs, what has run',
  usage: `quarry dag list
quarry dag show DAG [--runs N]                 schedule, tasks and the last runs
quarry dag run DAG [--date YYYY-MM-DD] [--param NAME=VALUE]... [--conf JSON] [--run-id ID] [--wait]
quarry dag run FILE --once [--dag DAG] [--date YYYY-MM-DD] [--param NAME=VALUE]...
                                               one run of a file, without the service; exit code 0 when it succeeds
quarry dag state DAG RUN                       RUN is a run's id, or latest
quarry dag backfill DAG --from YYYY-MM-DD --to YYYY-MM-DD [--max-active N] [--reverse] [--rerun failed|all] [--wait]
quarry dag clear DAG RUN [TASK]... [--downstream] [--failed]      runs them again; without a task all of them
quarry dag cancel DAG RUN
quarry dag pause DAG | unpause DAG             stops and resumes its schedule
quarry dag logs DAG RUN TASK [--attempt N] [--tail BYTES] [--follow]
    dates are those of ds, in UTC; --json where data is printed
    the service: --url URL, else QUARRY_WORKFLOW, else the one of the cluster (--cluster DIR)`,
  async run(args) {
    const { values, positionals } = parse('dag', args, OPTIONS);
    const [verb = '', ...words] = positionals;
    const found = Object.hasOwn(VERBS, verb) ? VERBS[verb] : undefined;
    if (found === undefined)
      throw new QuarryError('INVALID_ARGUMENT', `quarry dag ${Object.keys(VERBS).join('|')}; see --help`);
    const isFile = verb === 'run' && values.once === true;
    checkWords(verb, isFile ? { ...found, options: RUN_FILE } : found, values, words);
    if (isFile) return runFile(values, words);
    return found.act({ client: new WorkflowClient(serviceUrl(values)), values, words });
  },
};

/** An option that says nothing to a verb is a mistake, not a wish. Errors: INVALID_ARGUMENT. */
function checkWords(
  verb: string,
  { options = [], words: most }: Verb,
  values: Values,
  words: readonly string[],
): void {
  const odd = Object.keys(values).find((name) => ![...SHARED, ...options].includes(name));
  if (odd !== undefined)
    throw new QuarryError('INVALID_ARGUMENT', `quarry dag ${verb} takes no --${odd}; see quarry dag --help`);
  if (words.length > most)
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `quarry dag ${verb}: what is ${words[most]}? See quarry dag --help`,
    );
}

async function cancel(call: Call): Promise<number> {
  const found = await foundRun(call);
  await call.client.cancel(found.dagId, found.runId);
  return 0;
}

/** Errors: CLUSTER_NOT_RUNNING. */
function serviceUrl(values: Values): string {
  const named = values.url ?? (values.cluster === undefined ? process.env['QUARRY_WORKFLOW'] : undefined);
  if (named !== undefined) return named;
  const directory = clusterDirectory(values.cluster);
  const service = readClusterFile(directory).services?.find(({ name }) => name === 'workflow');
  if (service?.address === undefined) {
    throw new QuarryError(
      'CLUSTER_NOT_RUNNING',
      `the cluster in ${directory} runs no workflow service: name one with --url, or use quarry dag run FILE --once`,
    );
  }
  return service.address.startsWith('http') ? service.address : `http://${service.address}`;
}

async function list({ client, values }: Call): Promise<number> {
  const listing = await client.list();
  if (values.json) printJson(listing);
  else {
    for (const dag of listing.dags) print(dagLine(dag));
    for (const { file, error } of listing.broken) print(`broken: ${file}: ${error.code}: ${error.message}`);
    if (listing.dags.length + listing.broken.length === 0) print('no DAGs');
  }
  return 0;
}

async function show({ client, values, words }: Call): Promise<number> {
  const dagId = needed(words, 0, 'a DAG');
  const dag = await client.dag(dagId);
  const grid = await client.grid(dagId, wholeNumber('--runs', values.runs ?? '10', 1));
  if (values.json) printJson({ ...dag, runs: grid.runs });
  else {
    print(dagLine(dag));
    if (dag.description !== '') print(dag.description);
    for (const { taskId, kind, upstream } of dag.tasks)
      print(`  ${taskId} (${kind})${upstream.length === 0 ? '' : ` after ${upstream.join(', ')}`}`);
    for (const line of gridLines(grid)) print(line);
  }
  return 0;
}

async function run(call: Call): Promise<number> {
  const { client, values, words } = call;
  const dagId = needed(words, 0, 'a DAG');
  if (/\.(ts|mts|js|mjs)$/.test(dagId) && existsSync(dagId))
    throw new QuarryError('INVALID_ARGUMENT', `${dagId} is a file: run it with --once`);
  const { runIds } = await client.trigger(dagId, {
    ...(values.date === undefined ? {} : { date: values.date }),
    ...(values['run-id'] === undefined ? {} : { runId: values['run-id'] }),
    params: await givenParams(call, dagId),
  });
  return afterRequest(call, dagId, { runIds, skipped: [] });
}

async function backfill(call: Call): Promise<number> {
  const { client, values, words } = call;
  const dagId = needed(words, 0, 'a DAG');
  const { from, to, rerun = 'none' } = values;
  if (from === undefined || to === undefined)
    throw new QuarryError('INVALID_ARGUMENT', 'a backfill needs --from and --to');
  if (rerun !== 'none' && rerun !== 'failed' && rerun !== 'all')
    throw new QuarryError('INVALID_ARGUMENT', '--rerun takes failed or all');
  const answer = await client.backfill(dagId, {
    from,
    to,
    rerun,
    reverse: values.reverse ?? false,
    maxActiveRuns: wholeNumber('--max-active', values['max-active'] ?? '1', 1),
    params: await givenParams(call, dagId),
  });
  return afterRequest(call, dagId, answer);
}

async function clear(call: Call): Promise<number> {
  const { client, values, words } = call;
  const found = await foundRun(call);
  const answer = await client.clear(found.dagId, found.runId, {
    tasks: words.slice(2),
    downstream: values.downstream ?? false,
    onlyFailed: values.failed ?? false,
  });
  return afterRequest(call, found.dagId, answer);
}

/** Says which runs a request is about; with --wait their ends decide the exit code. */
async function afterRequest(
  { client, values }: Call,
  dagId: string,
  answer: { readonly runIds: readonly string[]; readonly skipped: readonly string[] },
): Promise<number> {
  if (!values.wait) {
    if (values.json) printJson(answer);
    else {
      for (const runId of answer.runIds) print(runId);
      for (const date of answer.skipped) print(`${date} has a run already; --rerun all runs it again`);
    }
    return 0;
  }
  const ended: RunDetail[] = [];
  for (const runId of answer.runIds) ended.push(await ending(client, dagId, runId));
  if (values.json) printJson(ended);
  else for (const each of ended) for (const line of runLines(each)) print(line);
  return ended.every((each) => each.state === 'success') ? 0 : 1;
}

async function ending(client: WorkflowClient, dagId: string, runId: string): Promise<RunDetail> {
  for (;;) {
    const found = await client.run(dagId, runId);
    if (found.finishedAt !== null) return found;
    await sleep(POLL_MS);
  }
}

async function pause({ client, words }: Call, isPaused: boolean): Promise<number> {
  await client.pause(needed(words, 0, 'a DAG'), isPaused);
  return 0;
}

async function logs(call: Call): Promise<number> {
  const { client, values, words } = call;
  const { dagId, runId } = await foundRun(call);
  const taskId = needed(words, 2, 'a task');
  let attempt = values.attempt === undefined ? undefined : wholeNumber('--attempt', values.attempt, 1);
  let range: { offset?: number; tail?: number } =
    values.tail === undefined ? { offset: 0 } : { tail: wholeNumber('--tail', values.tail) };
  for (;;) {
    const part = await client.log(dagId, runId, taskId, {
      ...range,
      ...(attempt === undefined ? {} : { attempt }),
    });
    attempt = part.attempt;
    process.stdout.write(part.text);
    range = { offset: part.nextOffset };
    if (part.text !== '') continue;
    const task = (await client.run(dagId, runId)).tasks.find((each) => each.taskId === taskId);
    const isRunning = task?.attempt === attempt && ['queued', 'running'].includes(task.state);
    if (!values.follow || !isRunning) return 0;
    await sleep(POLL_MS);
  }
}

function showRun({ values }: Call, found: RunDetail): number {
  if (values.json) printJson(found);
  else for (const line of runLines(found)) print(line);
  return 0;
}

async function foundRun({ client, words }: Call): Promise<RunDetail> {
  const dagId = needed(words, 0, 'a DAG');
  const named = needed(words, 1, 'a run (or latest)');
  if (named !== 'latest') return client.run(dagId, named);
  const latest = (await client.dag(dagId)).lastRun;
  if (latest === null) throw new QuarryError('DAG_NOT_FOUND', `${dagId} has not run yet`);
  return client.run(dagId, latest.runId);
}

async function runFile(values: Values, words: readonly string[]): Promise<number> {
  const file = needed(words, 0, "a DAG's file");
  if (!existsSync(file)) throw new QuarryError('FILE_NOT_FOUND', `there is no DAG file ${file}`);
  const { runOnce } = await import('../../workflow/service/run-once.ts');
  const interrupted = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupted.abort());
  const say = (text: string) => {
    if (!values.json) print(text);
  };
  const ended = await runOnce({
    file,
    dagId: values.dag,
    date: values.date,
    paramsFor: (defaults) => paramsOf(values, defaults),
    cluster: clusterDirectory(values.cluster),
    settings: parseSettings(values.set ?? []),
    onChange: (task: TaskView) => say(taskLine(task)),
    onLog: (taskId, text) => {
      for (const line of text.split('\n')) if (line !== '') say(`  ${taskId} | ${line}`);
    },
    signal: interrupted.signal,
  });
  if (values.json) printJson(ended);
  else print(`${ended.dagId} ${ended.runId}: ${ended.state}`);
  return ended.state === 'success' ? 0 : 1;
}

async function givenParams({ client, values }: Call, dagId: string): Promise<Record<string, unknown>> {
  if (values.param === undefined && values.conf === undefined) return {};
  return paramsOf(values, (await client.dag(dagId)).params);
}

/** `--conf JSON`, and over it `--param NAME=VALUE`. Errors: INVALID_ARGUMENT. */
function paramsOf({ param = [], conf }: Values, defaults: JsonObject): Record<string, unknown> {
  const texts = param.map((pair): [string, string] => {
    const at = pair.indexOf('=');
    if (at < 1) throw new QuarryError('INVALID_ARGUMENT', `--param takes NAME=VALUE, not ${pair}`);
    return [pair.slice(0, at), pair.slice(at + 1)];
  });
  return { ...confOf(conf), ...paramsOfTexts(defaults, Object.fromEntries(texts)) };
}

function confOf(text: string | undefined): Record<string, unknown> {
  if (text === undefined) return {};
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>;
  } catch {
    // Said below, as for JSON that is no object.
  }
  throw new QuarryError('INVALID_ARGUMENT', `--conf takes a JSON object of parameters, not ${text}`);
}

function needed(words: readonly string[], at: number, what: string): string {
  const word = words[at];
  if (word === undefined) throw new QuarryError('INVALID_ARGUMENT', `name ${what}; see quarry dag --help`);
  return word;
}
