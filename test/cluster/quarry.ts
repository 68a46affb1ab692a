import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../../common/package-root.ts';

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs bin/quarry to its end, as a user does. */
export function quarry(
  args: readonly string[],
  environment: Record<string, string> = {},
  stdin = '',
): Promise<Finished> {
  return run(process.execPath, [join(packageRoot, 'bin/quarry'), ...args], environment, stdin);
}

export function run(
  program: string,
  args: readonly string[],
  environment: Record<string, string> = {},
  stdin = '',
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: { ...process.env, ...environment }, cwd: packageRoot });
    const output = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => {
      output.stdout += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      output.stderr += chunk.toString();
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, ...output }));
    child.stdin.end(stdin);
  });
}
