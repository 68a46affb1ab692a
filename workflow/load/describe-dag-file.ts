import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { packageRoot } from '../../common/package-root.ts';
import { QuarryError, type WireError } from '../../common/quarry-error.ts';
import type { DagModel } from '../core/dag-model.ts';

/** What the describing process says. */
export type Description = { readonly dags: readonly DagModel[] } | { readonly error: WireError };

const TIMEOUT_MS = 30_000;
const STDERR_SHOWN = 400;

/** For `node`: what a process needs to import TypeScript and `quarry/workflow`. */
export function importFlags(): string[] {
  const runtime = pathToFileURL(join(packageRoot, 'dist/cli/job-runtime.js')).href;
  return ['--import', import.meta.resolve('tsx'), '--import', runtime];
}

/**
 * The DAGs of a file, checked. The file runs in a process of its own: what it does, prints or breaks stays there.
 * Errors: FILE_NOT_FOUND, DAG_INVALID.
 */
export async function describeDagFile(file: string): Promise<readonly DagModel[]> {
  if (!existsSync(file)) throw new QuarryError('FILE_NOT_FOUND', `there is no DAG file ${file}`);
  const child = spawn(
    process.execPath,
    [...importFlags(), join(packageRoot, 'dist/workflow/load/describe-main.js'), file],
    { stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'ipc'], timeout: TIMEOUT_MS, killSignal: 'SIGKILL' },
  );
  const [message, stderr, end] = await Promise.all([
    text(child.stdio[3] as Readable),
    text(child.stderr as Readable),
    new Promise<string>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => resolve(signal ?? String(code)));
    }),
  ]);
  if (message === '') {
    const why =
      end === 'SIGKILL'
        ? `took longer than ${TIMEOUT_MS} ms`
        : `ended its process (${end}) while it was loaded`;
    throw new QuarryError('DAG_INVALID', `${file} ${why}: ${stderr.trim().slice(0, STDERR_SHOWN)}`);
  }
  const description = JSON.parse(message) as Description;
  if ('error' in description) throw QuarryError.fromWire(description.error);
  return description.dags;
}

async function text(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
