import { spawn } from 'node:child_process';
import { QuarryError } from '../../common/quarry-error.ts';

const LINE_BYTES_MAX = 4_096;
const DRAIN_MS = 500;

/**
 * Runs a program to its end; what it prints goes to the attempt's log. Answers its exit code, 0 or one of `allowed`, and the last
 * line of its stdout. Errors: TASK_FAILED with the exit code or signal.
 */
export function runProgram(
  program: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  allowed: readonly number[] = [],
): Promise<{ code: number; lastLine: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ...environment },
    });
    let tail = '';
    child.stdout.on('data', (chunk: Buffer) => {
      process.stdout.write(chunk);
      tail = (tail + chunk.toString()).slice(-LINE_BYTES_MAX);
    });
    child.once('error', (cause) =>
      reject(new QuarryError('TASK_FAILED', `cannot run ${program}: ${cause.message}`, { cause })),
    );
    // What it has left running in the background may hold the pipe open for ever: its own end counts.
    child.once('exit', () => setTimeout(() => child.stdout.destroy(), DRAIN_MS).unref());
    child.once('close', (code, signal) => {
      if (code === 0 || (code !== null && allowed.includes(code)))
        resolve({ code, lastLine: tail.trimEnd().split('\n').at(-1) ?? '' });
      else
        reject(
          new QuarryError(
            'TASK_FAILED',
            code === null ? `ended by ${signal}` : `exit code ${code}: its log tells why`,
          ),
        );
    });
  });
}
