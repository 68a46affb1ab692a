import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { extname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageRoot } from '../../common/package-root.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import { type Command, notThereYet, parse } from '../command.ts';
import { CLUSTER_OPTION, namedCluster } from '../connection.ts';

/** From the root: this file may be part of a bundle, the job's process loads the package as it is installed. */
const JOB_RUNTIME = pathToFileURL(join(packageRoot, 'dist/cli/job-runtime.js')).href;

export const submitCommand: Command = {
  name: 'submit',
  summary: 'run a job file: TypeScript or JavaScript with the SDK, or PySpark',
  usage: `quarry submit [--cluster DIR] JOB.ts|JOB.js|JOB.py [ARGUMENTS OF THE JOB]
    a job finds its cluster through QUARRY_CLUSTER and SPARK_REMOTE, which are set for it; its exit code is the command's`,
  async run(words) {
    const at = words.findIndex((word, i) => !word.startsWith('-') && words[i - 1] !== '--cluster');
    const own = at < 0 ? words : words.slice(0, at);
    const { values } = parse('submit', own, {
      ...CLUSTER_OPTION,
      supervise: { type: 'boolean', default: false },
    });
    if (values.supervise) return notThereYet('quarry submit --supervise');
    const job = words[at];
    if (job === undefined)
      throw new QuarryError('INVALID_ARGUMENT', 'name a job file; see quarry submit --help');
    if (!existsSync(job)) throw new QuarryError('FILE_NOT_FOUND', `no job file ${job}`);
    const { directory, file } = namedCluster(values.cluster);
    const [program, args] = interpreter(job);
    return run(program, [...args, job, ...words.slice(at + 1)], {
      QUARRY_CLUSTER: directory,
      SPARK_REMOTE: file.driver.connect,
    });
  },
};

function interpreter(job: string): [string, string[]] {
  switch (extname(job)) {
    case '.ts':
    case '.mts':
    case '.js':
    case '.mjs':
      return [process.execPath, ['--import', import.meta.resolve('tsx'), '--import', JOB_RUNTIME]];
    case '.py':
      return [process.env['PYSPARK_PYTHON'] ?? 'python3', []];
    default:
      throw new QuarryError('INVALID_ARGUMENT', `${job} is neither TypeScript, JavaScript nor Python`);
  }
}

/** Runs the job with our terminal; a signal to us is a signal to it. */
function run(program: string, args: readonly string[], environment: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'inherit', env: { ...process.env, ...environment } });
    const forward = (signal: NodeJS.Signals) => child.kill(signal);
    process.on('SIGINT', forward);
    process.on('SIGTERM', forward);
    child.once('error', (cause) =>
      reject(new QuarryError('INVALID_ARGUMENT', `cannot run ${program}: ${cause.message}`, { cause })),
    );
    child.once('exit', (code, signal) =>
      resolve(signal === null ? (code ?? 1) : 128 + constants.signals[signal]),
    );
  });
}
