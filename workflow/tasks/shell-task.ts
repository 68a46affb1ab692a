import type { ShellAction } from '../core/dag-model.ts';
import { Skipped } from '../run/skipped.ts';
import { runProgram } from './run-program.ts';

/** The output is the last line of what the command prints. */
export async function runShell(action: ShellAction): Promise<string> {
  const { code, lastLine } = await runProgram('/bin/sh', ['-c', action.command], action.environment, [
    action.skipExitCode,
  ]);
  if (code === action.skipExitCode && code !== 0) throw new Skipped(`exit code ${code}`);
  return lastLine;
}
