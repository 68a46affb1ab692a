import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageRoot } from '../../common/package-root.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { Submission } from './submission.ts';

/** The application may end in its own way that long after a signal. */
const GRACE_MS = 30_000;
/** From the root: this file may be part of a bundle, the application's process loads the package as it is installed. */
const BOOTSTRAP = join(packageRoot, 'cli/spark-submit/bootstrap.py');
const JOB_RUNTIME = pathToFileURL(join(packageRoot, 'dist/cli/job-runtime.js')).href;

/** Runs the application with our terminal; answers its exit code. A signal to us is a signal to it; one that outstays its grace is killed. */
export function runSubmission(submitted: Submission): Promise<number> {
  const [program, args] = commandOf(submitted);
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'inherit', env: environmentOf(submitted) });
    const forward = (signal: NodeJS.Signals) => {
      child.kill(signal);
      setTimeout(() => child.kill('SIGKILL'), GRACE_MS).unref();
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, forward);
    child.once('error', (cause) =>
      reject(
        new QuarryError(
          'INVALID_ARGUMENT',
          `cannot run ${program}: ${cause.message}; name a Python with PYSPARK_PYTHON`,
          { cause },
        ),
      ),
    );
    child.once('exit', (code, signal) =>
      resolve(signal === null ? (code ?? 1) : 128 + constants.signals[signal]),
    );
  });
}

function commandOf({ application, language, args, python }: Submission): [string, string[]] {
  return language === 'python'
    ? [python, [BOOTSTRAP, application, ...args]]
    : [
        process.execPath,
        ['--import', import.meta.resolve('tsx'), '--import', JOB_RUNTIME, application, ...args],
      ];
}

function environmentOf(submitted: Submission): Record<string, string | undefined> {
  const { environment, language, conf, target, python, files } = submitted;
  if (language === 'javascript') return { ...process.env, ...environment };
  // What the bootstrap needs to know; it removes it before the application starts.
  const facts = { parent: process.pid, conf: Object.fromEntries(conf), web: target.web ?? null, files };
  return {
    ...process.env,
    // PySpark refuses to start when it finds a master beside SPARK_REMOTE.
    MASTER: undefined,
    PYTHONUNBUFFERED: '1',
    PYSPARK_PYTHON: python,
    PYSPARK_DRIVER_PYTHON: python,
    ...environment,
    QUARRY_SUBMIT: JSON.stringify(facts),
  };
}
