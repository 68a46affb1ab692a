import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { resolveConfig } from '../../common/config.ts';
import { silentLog } from '../../common/log.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import { systemSeams } from '../../common/seams/system.ts';
import type { JsonObject } from '../core/dag-model.ts';
import { WorkflowClient } from './api-client.ts';
import { openWorkflow } from './open-workflow.ts';
import type { RunDetail, TaskView } from './views.ts';

export interface RunOnceOptions {
  readonly file: string;
  /** Needed when the file has several DAGs. */
  readonly dagId: string | undefined;
  readonly date: string | undefined;
  /** The run's parameters, when the DAG's own are known. */
  readonly paramsFor: (defaults: JsonObject) => Readonly<Record<string, unknown>>;
  readonly cluster: string;
  readonly settings: Readonly<Record<string, string>>;
  /** Called with each task that has changed its state. */
  readonly onChange: (task: TaskView) => void;
  /** Called with a task that has ended, and what its last attempt printed. */
  readonly onLog: (taskId: string, text: string) => void;
  readonly signal: AbortSignal;
}

const POLL_MS = 100;
const FINAL = new Set(['success', 'failed', 'up_for_retry']);

/** One run of a DAG file from its beginning to its end, with a scheduler of its own and no trace left. Errors: DAG_INVALID, INTERRUPTED. */
export async function runOnce(options: RunOnceOptions): Promise<RunDetail> {
  const directory = await mkdtemp(join(tmpdir(), 'quarry-dag-'));
  try {
    const config = resolveConfig({ ...options.settings, 'workflow.port': '0' });
    const workflow = await openWorkflow({
      directory,
      dags: [resolve(options.file)],
      cluster: options.cluster,
      config,
      seams: systemSeams(directory, silentLog()),
      hasSchedules: false,
    });
    try {
      return await follow(new WorkflowClient(`http://${workflow.address}`), options);
    } finally {
      await workflow.close();
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function follow(client: WorkflowClient, options: RunOnceOptions): Promise<RunDetail> {
  const { dags, broken } = await client.list();
  if (broken[0] !== undefined) throw QuarryError.fromWire(broken[0].error);
  const dag = options.dagId === undefined ? dags[0] : dags.find(({ dagId }) => dagId === options.dagId);
  if (dag === undefined || (options.dagId === undefined && dags.length > 1)) {
    const names = dags.map(({ dagId }) => dagId).join(', ');
    throw new QuarryError('DAG_NOT_FOUND', `${options.file} has the DAGs ${names}: name one with --dag`);
  }
  const { date } = options;
  const params = options.paramsFor(dag.params);
  const { runIds } = await client.trigger(dag.dagId, { ...(date === undefined ? {} : { date }), params });
  const runId = runIds[0] ?? '';
  const seen = new Map<string, string>();
  for (;;) {
    const run = await client.run(dag.dagId, runId);
    for (const task of run.tasks) {
      const now = `${task.state} ${task.attempt}`;
      if (seen.get(task.taskId) === now || (task.state === 'none' && !seen.has(task.taskId))) continue;
      seen.set(task.taskId, now);
      options.onChange(task);
      if (FINAL.has(task.state)) {
        const { text } = await client.log(dag.dagId, runId, task.taskId, { attempt: task.attempt });
        options.onLog(task.taskId, text);
      }
    }
    if (run.finishedAt !== null) return run;
    if (options.signal.aborted) {
      await client.cancel(dag.dagId, runId);
      while ((await client.run(dag.dagId, runId)).finishedAt === null) await sleep(POLL_MS);
      throw new QuarryError('INTERRUPTED', 'the run was interrupted, its tasks were ended');
    }
    await sleep(POLL_MS);
  }
}
