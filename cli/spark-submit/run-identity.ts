import { withRunKey } from '../../common/spark-remote.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Where a scheduler says which run this is; the first that is set counts. */
const SOURCES = {
  'x-quarry-dag': ['QUARRY_DAG_ID', 'AIRFLOW_CTX_DAG_ID'],
  'x-quarry-task': ['QUARRY_TASK_ID', 'AIRFLOW_CTX_TASK_ID'],
  'x-quarry-run-id': ['QUARRY_RUN_ID', 'AIRFLOW_CTX_DAG_RUN_ID'],
} as const;

/**
 * A Spark Connect URL that tells the driver the application's name and whose run it is: its writes get their keys from that. A key that
 * SPARK_REMOTE brings already stays as it is: a scheduler's own submission knows more than its variables.
 */
export function connectUrl(connect: string, applicationName: string | undefined, env: Environment): string {
  const keyed = withRunKey(connect, env['SPARK_REMOTE'] ?? '');
  const own: Record<string, string | undefined> = keyed.includes(';x-quarry-run-id=')
    ? {}
    : Object.fromEntries(
        Object.entries(SOURCES).map(([name, from]) => [name, from.map((key) => env[key]).find(Boolean)]),
      );
  const pairs = Object.entries({ 'x-quarry-app': applicationName, ...own }).flatMap(([name, value]) =>
    // Twice: the client decodes once and sends the rest as a header, which is ASCII; the driver decodes that.
    value === undefined || keyed.includes(`;${name}=`)
      ? []
      : [`${name}=${encodeURIComponent(encodeURIComponent(value))}`],
  );
  if (pairs.length === 0) return keyed;
  const separator = keyed.includes('/;') || keyed.endsWith('/') ? ';' : '/;';
  return `${keyed}${separator}${pairs.join(';')}`;
}
