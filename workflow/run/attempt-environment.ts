import { readClusterFile } from '../../common/cluster-file.ts';
import { hasCode } from '../../common/quarry-error.ts';
import { withRunKey } from '../../common/spark-remote.ts';
import type { AttemptInput } from './attempt-directory.ts';
import { toText } from '../template/to-text.ts';
import { ATTEMPT_VARIABLE } from './process-table.ts';

/** What the processes of an attempt find in their environment, besides what the service has in its own. */
export function attemptEnvironment(input: AttemptInput, clears: number): Record<string, string> {
  const { scope } = input;
  const text = (name: string) => toText(scope[name]);
  return {
    [ATTEMPT_VARIABLE]: input.token,
    QUARRY_DAG_ID: input.dagId,
    QUARRY_TASK_ID: input.taskId,
    QUARRY_RUN_ID: input.runId,
    QUARRY_TRY_NUMBER: text('try_number'),
    QUARRY_DS: text('ds'),
    QUARRY_LOGICAL_DATE: text('logical_date'),
    QUARRY_DATA_INTERVAL_START: text('data_interval_start'),
    QUARRY_DATA_INTERVAL_END: text('data_interval_end'),
    ...(input.workflowUrl === '' ? {} : { QUARRY_WORKFLOW: input.workflowUrl }),
    ...clusterVariables(input, clears),
  };
}

/**
 * The key of the task's writes travels in SPARK_REMOTE: DAG, task and run, the same for every try, so that a retried write is
 * skipped. A cleared task is asked to do its work again: its run id gets a suffix, and its writes a key of their own.
 */
function clusterVariables(input: AttemptInput, clears: number): Record<string, string> {
  if (input.cluster === '') return {};
  const connect = connectUrl(input.cluster);
  if (connect === undefined) return { QUARRY_CLUSTER: input.cluster };
  const runId = clears === 0 ? input.runId : `${input.runId}~clear${clears}`;
  const parameters = {
    'x-quarry-dag': input.dagId,
    // A callback's writes are not those of its task.
    'x-quarry-task': input.callback === undefined ? input.taskId : callbackName(input),
    'x-quarry-run-id': runId,
    // Whatever programs the attempt runs: their writes to one table count on.
    'x-quarry-attempt': input.token,
  };
  const pairs = Object.entries(parameters).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return { QUARRY_CLUSTER: input.cluster, SPARK_REMOTE: withRunKey(connect, pairs.join(';')) };
}

function callbackName({ taskId, callback, scope }: AttemptInput): string {
  return `${taskId}@${callback}-${toText(scope['try_number'])}`;
}

function connectUrl(cluster: string): string | undefined {
  try {
    return readClusterFile(cluster).driver.connect;
  } catch (thrown) {
    // Shell and HTTP tasks need no cluster; those that do say so themselves.
    if (hasCode(thrown, 'CLUSTER_NOT_RUNNING')) return undefined;
    throw thrown;
  }
}
