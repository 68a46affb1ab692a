import { readFileSync } from 'node:fs';
import { QuarryError } from '../../common/quarry-error.ts';
import { parseProperties, type SparkArguments } from './spark-arguments.ts';

/** Options that are another way to say a `spark.*` setting. */
const SETTING_OF: Readonly<Record<string, string>> = {
  'driver-memory': 'spark.driver.memory',
  'executor-memory': 'spark.executor.memory',
  'driver-cores': 'spark.driver.cores',
  'executor-cores': 'spark.executor.cores',
  'total-executor-cores': 'spark.cores.max',
  'num-executors': 'spark.executor.instances',
  queue: 'spark.yarn.queue',
  name: 'spark.app.name',
  master: 'spark.master',
  'deploy-mode': 'spark.submit.deployMode',
  'py-files': 'spark.submit.pyFiles',
  jars: 'spark.jars',
  packages: 'spark.jars.packages',
  'exclude-packages': 'spark.jars.excludes',
  repositories: 'spark.jars.repositories',
  files: 'spark.files',
  archives: 'spark.archives',
  principal: 'spark.kerberos.principal',
  keytab: 'spark.kerberos.keytab',
  'driver-class-path': 'spark.driver.extraClassPath',
  'driver-library-path': 'spark.driver.extraLibraryPath',
  'driver-java-options': 'spark.driver.extraJavaOptions',
};

/**
 * The application's settings: the properties file, over it --conf, over both the options of their own.
 * Errors: FILE_NOT_FOUND for a properties file that is not there.
 */
export function applicationConf(args: SparkArguments): Map<string, string> {
  const file = args.options.get('properties-file');
  const conf = new Map<string, string>(file === undefined ? [] : parseProperties(readProperties(file)));
  for (const [key, value] of args.conf) conf.set(key, value);
  for (const [option, value] of args.options) {
    const key = SETTING_OF[option];
    if (key !== undefined) conf.set(key, value);
  }
  return conf;
}

function readProperties(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new QuarryError('FILE_NOT_FOUND', `--properties-file ${file} cannot be read`, { cause });
  }
}

interface Note {
  readonly keys: RegExp;
  readonly text: string;
}

/** What is taken without effect, and why: said once, so that nobody waits for it. */
const WITHOUT_EFFECT: readonly Note[] = [
  {
    keys: /^spark\.(driver|executor)\.(memory|cores|instances|memoryOverhead)$|^spark\.(cores\.max|yarn\.queue|executor\.instances)$|^spark\.dynamicAllocation\./,
    text: 'the cluster has its own sizes',
  },
  {
    keys: /^spark\.jars|^spark\.driver\.extra|^spark\.executor\.extra/,
    text: 'there is no JVM; Kafka, JDBC and Parquet are built in',
  },
  {
    keys: /^spark\.archives$/,
    text: 'archives are not shipped, the application reads them where they are',
  },
  { keys: /^spark\.kerberos\./, text: 'this cluster has no Kerberos' },
];

/** One line for each reason, with the settings it holds for. */
export function notesOnConf(conf: ReadonlyMap<string, string>): string[] {
  return WITHOUT_EFFECT.flatMap(({ keys, text }) => {
    const hit = [...conf].filter(([key]) => keys.test(key)).map(([key, value]) => `${key}=${value}`);
    return hit.length === 0 ? [] : [`accepted without effect (${text}): ${hit.join(', ')}`];
  });
}

const SECRET = /secret|password|passwd|token|access[.-]?key|credential/i;

export function redacted(key: string, value: string): string {
  return `${key}=${SECRET.test(key) ? '*****' : value}`;
}
