import { withRunKey } from '../../common/spark-remote.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Where a scheduler says which run this is; the first that is set counts. */
const SOURCES = {
  dag: ['QUARRY_DAG_ID', 'AIRFLOW_CTX_DAG_ID'],
  task: ['QUARRY_TASK_ID', 'AIRFLOW_CTX_TASK_ID'],
  runId: ['QUARRY_RUN_ID', 'AIRFLOW_CTX_DAG_RUN_ID'],
  mapIndex: ['QUARRY_MAP_INDEX', 'AIRFLOW_CTX_MAP_INDEX'],
} as const;

/** What the submission knows besides the environment. */
export interface SubmittedAs {
  readonly applicationName: string | undefined;
  /** Of a mapped task, when the application's settings say it. */
  readonly mapIndex: string | undefined;
  /** Of this submission and no other. */
  readonly attempt: string;
}

/**
 * A Spark Connect URL that tells the driver the application's name and whose run it is: its writes get their keys from that. A key that
 * SPARK_REMOTE brings already stays as it is: a scheduler's own submission knows more than its variables.
 */
export function connectUrl(connect: string, submitted: SubmittedAs, env: Environment): string {
  const keyed = withRunKey(connect, env['SPARK_REMOTE'] ?? '');
  const isKeyed = keyed.includes(';x-quarry-run-id=');
  const own = isKeyed ? undefined : runOf(submitted, env);
  const hasRun = isKeyed || own?.['x-quarry-run-id'] !== undefined;
  const parameters = {
    'x-quarry-app': submitted.applicationName,
    ...own,
    'x-quarry-attempt': hasRun ? submitted.attempt : undefined,
  };
  const pairs = Object.entries(parameters).flatMap(([name, value]) =>
    // Twice: the client decodes once and sends the rest as a header, which is ASCII; the driver decodes that.
    value === undefined || keyed.includes(`;${name}=`)
      ? []
      : [`${name}=${encodeURIComponent(encodeURIComponent(value))}`],
  );
  if (pairs.length === 0) return keyed;
  const separator = keyed.includes('/;') || keyed.endsWith('/') ? ';' : '/;';
  return `${keyed}${separator}${pairs.join(';')}`;
}

function runOf(
  { mapIndex: told }: SubmittedAs,
  env: Environment,
): Record<`x-quarry-${'dag' | 'task' | 'run-id'}`, string | undefined> {
  const from = (names: readonly string[]) => names.map((name) => env[name]).find(Boolean);
  const task = from(SOURCES.task);
  const mapIndex = told ?? from(SOURCES.mapIndex);
  return {
    'x-quarry-dag': from(SOURCES.dag),
    // Tasks that are not mapped have the index -1.
    'x-quarry-task':
      task === undefined || mapIndex === undefined || mapIndex === '-1' ? task : `${task}[${mapIndex}]`,
    'x-quarry-run-id': from(SOURCES.runId),
  };
}
