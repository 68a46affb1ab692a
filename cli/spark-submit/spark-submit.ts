import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageRoot } from '../../common/package-root.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import { type Command, print } from '../command.ts';
import { submitCommand } from '../commands/submit.ts';
import { redacted } from './application-conf.ts';
import { parseSparkArguments } from './spark-arguments.ts';
import { type Submission, submission } from './submission.ts';

/** The version of Spark whose options and protocol these are. */
const SPARK_VERSION = '4.0.1';
/** The application may end in its own way that long after a signal. */
const GRACE_MS = 30_000;
/** From the root: this file may be part of a bundle. */
const BOOTSTRAP = join(packageRoot, 'cli/spark-submit/bootstrap.py');
const JOB_RUNTIME = pathToFileURL(join(packageRoot, 'dist/cli/job-runtime.js')).href;

export const sparkSubmitCommand: Command = {
  name: 'spark-submit',
  summary: "quarry submit with spark-submit's options, for schedulers and scripts",
  usage: `spark-submit [OPTIONS] APPLICATION.py|.ts|.js [ARGUMENTS OF THE APPLICATION]
spark-submit --status ID | --kill ID
    runs the application here (deploy mode client) against a Quarry cluster; its exit code is the command's
    --master sc://HOST:PORT   the cluster behind that Spark Connect door
    --master quarry://DIR     the cluster in that directory
    --master OTHER            (yarn, spark://HOST:PORT, local[*], ...) the cluster that --cluster DIR or QUARRY_CLUSTER name, else ~/.quarry
    --conf KEY=VALUE, --properties-file FILE, --name NAME, --py-files A.py,B.zip, --verbose as in Spark; spark.sql.* settings reach the session
    Python is spark.pyspark.driver.python, spark.pyspark.python, PYSPARK_DRIVER_PYTHON, PYSPARK_PYTHON or python3
    memory, cores, jars, packages, files, queue and Kerberos options are accepted and logged; jars and deploy mode cluster are refused
    AIRFLOW_CTX_DAG_ID, _TASK_ID and _DAG_RUN_ID (or QUARRY_DAG_ID, QUARRY_TASK_ID, QUARRY_RUN_ID) are the key of the run's writes`,
  async run(words) {
    const args = parseSparkArguments(words);
    if (args.version) {
      print(`Quarry's spark-submit, with the options of Spark ${SPARK_VERSION}`);
      return 0;
    }
    for (const verb of ['status', 'kill']) {
      const id = args.options.get(verb);
      if (id !== undefined) return submitCommand.run([`--${verb}`, id, ...clusterWords(args.options)]);
    }
    const submitted = submission(args, process.env);
    for (const note of submitted.notes) console.error(`spark-submit: ${note}`);
    if (args.verbose) describe(submitted);
    return run(submitted);
  },
};

function clusterWords(options: ReadonlyMap<string, string>): string[] {
  const master = options.get('master');
  const named = options.get('cluster') ?? (master?.startsWith('quarry://') ? master.slice(9) : undefined);
  return named === undefined ? [] : ['--cluster', named];
}

function describe({ application, args, target, python, conf }: Submission): void {
  const settings = [...conf].map(([key, value]) => `  ${redacted(key, value)}`);
  console.error(
    [
      `application ${[application, ...args].join(' ')}`,
      `cluster ${target.connect}`,
      `python ${python}`,
      ...settings,
    ]
      .map((line) => `spark-submit: ${line}`)
      .join('\n'),
  );
}

function commandOf({ application, language, args, python }: Submission): [string, string[]] {
  return language === 'python'
    ? [python, [BOOTSTRAP, application, ...args]]
    : [
        process.execPath,
        ['--import', import.meta.resolve('tsx'), '--import', JOB_RUNTIME, application, ...args],
      ];
}

function environmentOf({
  environment,
  conf,
  target,
  python,
}: Submission): Record<string, string | undefined> {
  // What the bootstrap needs to know; it removes it before the application starts.
  const facts = { parent: process.pid, conf: Object.fromEntries(conf), web: target.web ?? null };
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

/** Runs the application with our terminal. A signal to us is a signal to it; one that outstays its grace is killed. */
function run(submitted: Submission): Promise<number> {
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
          {
            cause,
          },
        ),
      ),
    );
    child.once('exit', (code, signal) =>
      resolve(signal === null ? (code ?? 1) : 128 + constants.signals[signal]),
    );
  });
}
