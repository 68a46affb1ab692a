import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { basename, extname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { QuarryError } from '../../common/quarry-error.ts';
import { applicationConf, notesOnConf } from './application-conf.ts';
import { connectUrl } from './run-identity.ts';
import type { SparkArguments } from './spark-arguments.ts';
import { type SubmitTarget, submitTarget } from './submit-target.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** An application, ready to be started. */
export interface Submission {
  readonly application: string;
  readonly language: 'python' | 'javascript';
  readonly args: readonly string[];
  readonly target: SubmitTarget;
  readonly conf: ReadonlyMap<string, string>;
  /** Python's interpreter. */
  readonly python: string;
  /** What is put into the application's environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** What `--files` names, by the names that SparkFiles.get takes. */
  readonly files: Readonly<Record<string, string>>;
  /** For whoever reads the log. */
  readonly notes: readonly string[];
}

const LANGUAGES: Readonly<Record<string, Submission['language']>> = {
  '.py': 'python',
  '.ts': 'javascript',
  '.mts': 'javascript',
  '.js': 'javascript',
  '.mjs': 'javascript',
};

/** Settings by which cluster managers give the application's own process a variable. */
const DRIVER_VARIABLE = /^spark\.(?:yarn\.appMasterEnv|kubernetes\.driverEnv)\.(.+)$/;

/** Errors: INVALID_ARGUMENT, FILE_NOT_FOUND, UNSUPPORTED (a jar, deploy mode cluster), CLUSTER_NOT_RUNNING. */
export function submission(args: SparkArguments, env: Environment): Submission {
  const conf = applicationConf(args);
  refuseClusterMode(conf);
  const [application, language] = applicationFile(args);
  // As Spark names an application that nobody has named.
  if (!conf.has('spark.app.name')) conf.set('spark.app.name', basename(application));
  const master = args.options.get('remote') ?? conf.get('spark.master') ?? conf.get('spark.remote');
  const target = submitTarget(master, args.options.get('cluster'));
  const proxyUser = args.options.get('proxy-user');
  return {
    application,
    language,
    args: args.applicationArgs,
    target,
    conf,
    python: pythonOf(conf, env),
    environment: {
      ...driverVariables(conf),
      ...pythonPath(conf, env),
      ...sqlSettings(conf),
      ...clusterVariable(target, language),
      SPARK_REMOTE: connectUrl(
        target.connect,
        {
          applicationName: conf.get('spark.app.name'),
          mapIndex: conf.get('spark.quarry.mapIndex'),
          attempt: randomUUID(),
        },
        env,
      ),
    },
    files: filesOf(conf),
    notes: [
      ...(target.note === undefined ? [] : [target.note]),
      ...notesOnConf(conf),
      ...(proxyUser === undefined ? [] : [`accepted without effect: --proxy-user ${proxyUser}`]),
      ...(args.supervise ? ['--supervise is for deploy mode cluster: use quarry submit --supervise'] : []),
      ...args.unknown.map((option) => `unknown option ${option} is ignored`),
    ],
  };
}

function refuseClusterMode(conf: ReadonlyMap<string, string>): void {
  const mode = conf.get('spark.submit.deployMode') ?? 'client';
  if (mode === 'client') return;
  if (mode === 'cluster') {
    throw new QuarryError(
      'UNSUPPORTED',
      'deploy mode cluster is not supported: use --deploy-mode client, or quarry submit --supervise for an application that the cluster keeps running',
    );
  }
  throw new QuarryError('INVALID_ARGUMENT', `--deploy-mode is client or cluster, not ${mode}`);
}

function applicationFile(args: SparkArguments): [path: string, language: Submission['language']] {
  const named = args.application;
  if (named === undefined) {
    throw new QuarryError('INVALID_ARGUMENT', 'name an application file; see spark-submit --help');
  }
  const isJar = extname(named).toLowerCase() === '.jar';
  if (isJar || args.options.has('class')) {
    throw new QuarryError(
      'UNSUPPORTED',
      `${isJar ? named : `--class ${args.options.get('class')}`} needs a JVM: Quarry runs Python (.py), TypeScript and JavaScript applications`,
    );
  }
  const language = LANGUAGES[extname(named)];
  if (language === undefined) {
    throw new QuarryError('INVALID_ARGUMENT', `${named} is neither Python, TypeScript nor JavaScript`);
  }
  const path = named.startsWith('file:')
    ? fileURLToPath(named.replace(/^file:\/{0,2}(?=\/)/, 'file://'))
    : named;
  if (!existsSync(path)) throw new QuarryError('FILE_NOT_FOUND', `no application file ${named}`);
  return [path, language];
}

/** Spark's order, the application's own process first. */
function pythonOf(conf: ReadonlyMap<string, string>, env: Environment): string {
  const choices = [
    conf.get('spark.pyspark.driver.python'),
    conf.get('spark.pyspark.python'),
    env['PYSPARK_DRIVER_PYTHON'],
    env['PYSPARK_PYTHON'],
  ];
  return choices.find(Boolean) ?? 'python3';
}

/** The SDK goes where QUARRY_CLUSTER says, PySpark where SPARK_REMOTE does. */
function clusterVariable(
  { directory, connect }: SubmitTarget,
  language: Submission['language'],
): Record<string, string> {
  if (directory !== undefined) return { QUARRY_CLUSTER: directory };
  return language === 'javascript' ? { QUARRY_CLUSTER: connect } : {};
}

/** Errors: FILE_NOT_FOUND. */
function filesOf(conf: ReadonlyMap<string, string>): Record<string, string> {
  return Object.fromEntries(
    (conf.get('spark.files') ?? '')
      .split(',')
      .map((file) => file.trim())
      .filter((file) => file !== '')
      .map((file) => {
        // `PATH#NAME` gives the copy another name.
        const [place = '', name] = file.split('#');
        const path = localPath(place);
        if (!existsSync(path)) throw new QuarryError('FILE_NOT_FOUND', `--files: there is no ${path}`);
        return [name ?? basename(path), path];
      }),
  );
}

function localPath(file: string): string {
  return resolve(file.trim().replace(/^file:\/*(?=\/)/, ''));
}

function driverVariables(conf: ReadonlyMap<string, string>): Record<string, string> {
  const pairs = [...conf].flatMap(([key, value]) => {
    const name = DRIVER_VARIABLE.exec(key)?.[1];
    return name === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(pairs);
}

/** Errors: FILE_NOT_FOUND. */
function pythonPath(conf: ReadonlyMap<string, string>, env: Environment): Record<string, string> {
  const files = (conf.get('spark.submit.pyFiles') ?? '').split(',').filter((file) => file.trim() !== '');
  if (files.length === 0) return {};
  const folders = files.map((file) => {
    const path = localPath(file);
    if (!existsSync(path)) throw new QuarryError('FILE_NOT_FOUND', `--py-files: there is no ${path}`);
    // A module is found in its folder, an archive is a folder by itself.
    return extname(path) === '.py' ? resolve(path, '..') : path;
  });
  return { PYTHONPATH: [...new Set(folders), ...(env['PYTHONPATH'] ? [env['PYTHONPATH']] : [])].join(':') };
}

/** PySpark's own way to hand a session the settings that it was submitted with. */
function sqlSettings(conf: ReadonlyMap<string, string>): Record<string, string> {
  const settings = Object.fromEntries([...conf].filter(([key]) => key.startsWith('spark.sql.')));
  if (Object.keys(settings).length === 0) return {};
  return { PYSPARK_REMOTE_INIT_CONF_LEN: '1', PYSPARK_REMOTE_INIT_CONF_0: JSON.stringify(settings) };
}
