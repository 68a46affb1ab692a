import { type Command, print } from '../command.ts';
import { submitCommand } from '../commands/submit.ts';
import { redacted } from './application-conf.ts';
import { parseSparkArguments } from './spark-arguments.ts';
import { runSubmission } from './run-submission.ts';
import { type Submission, submission } from './submission.ts';

/** The version of Spark whose options and protocol these are. */
const SPARK_VERSION = '4.0.1';

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
    return runSubmission(submitted);
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
