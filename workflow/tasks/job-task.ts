import { join } from 'node:path';
import { packageRoot } from '../../common/package-root.ts';
import type { JobAction } from '../core/dag-model.ts';
import { runProgram } from './run-program.ts';

/** The way of every job: `quarry submit` chooses the interpreter and the environment. The output is the job's last line. */
export async function runJob(action: JobAction): Promise<string> {
  const cluster = process.env['QUARRY_CLUSTER'];
  const { lastLine } = await runProgram(
    process.execPath,
    [
      join(packageRoot, 'bin/quarry'),
      'submit',
      ...(cluster === undefined ? [] : ['--cluster', cluster]),
      action.file,
      ...action.args,
    ],
    action.environment,
  );
  return lastLine;
}
