import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { QuarryError } from '../common/quarry-error.ts';
import { packageRoot } from '../common/package-root.ts';
import { CLICKSTREAM, type Pipeline } from './start-pipeline.ts';

const RETRY_MS = 500;

/** Runs a job of examples/clickstream to its end, again when a part of the cluster was killed under it. Errors: TASK_FAILED when the time is up. */
export async function runJob(
  pipeline: Pipeline,
  job: string,
  args: readonly string[],
  limitMs: number,
): Promise<void> {
  const deadlineMs = performance.now() + limitMs;
  for (;;) {
    const { code, output } = await submit(pipeline, [join(CLICKSTREAM, job), ...args]);
    if (code === 0) return;
    if (performance.now() > deadlineMs) {
      throw new QuarryError('TASK_FAILED', `${job} ended with exit code ${code}: ${lastLine(output)}`);
    }
    await sleep(RETRY_MS);
  }
}

/** Leaves a job with the cluster, which keeps it running. Answers its id. */
export async function superviseJob(
  pipeline: Pipeline,
  job: string,
  args: readonly string[],
): Promise<string> {
  const { code, output } = await submit(pipeline, ['--supervise', join(CLICKSTREAM, job), ...args]);
  if (code !== 0) throw new QuarryError('TASK_FAILED', `${job} was not taken: ${lastLine(output)}`);
  return lastLine(output);
}

export async function endJob(pipeline: Pipeline, id: string): Promise<void> {
  const { code, output } = await submit(pipeline, ['--kill', id]);
  if (code !== 0) throw new QuarryError('TASK_FAILED', `${id} was not ended: ${lastLine(output)}`);
}

function submit(pipeline: Pipeline, words: readonly string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve, reject) => {
    const child = pipeline.jobs.start(() =>
      spawn(process.execPath, [join(packageRoot, 'bin/quarry'), 'submit', ...words], {
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
        env: { ...process.env, QUARRY_CLUSTER: pipeline.directory },
      }),
    );
    let output = '';
    const keep = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-20_000);
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? 1, output }));
  });
}

function lastLine(output: string): string {
  return output.trim().split('\n').at(-1) ?? '';
}

/** What the streaming job is told. */
export function streamArgs(pipeline: Pipeline, view: string, extra: readonly string[] = []): string[] {
  const { logUrl, topic, viewUrl } = pipeline;
  const checkpoint = `/system/checkpoints/${view}`;
  return [
    '--log',
    logUrl,
    '--topic',
    topic,
    '--view-url',
    viewUrl,
    '--view',
    view,
    '--checkpoint',
    checkpoint,
    ...extra,
  ];
}
