import { hasCode, QuarryError } from '../../common/quarry-error.ts';
import type { DagSensor } from '../core/dag-model.ts';
import type { AttemptInput } from '../run/attempt-directory.ts';
import type { RunDetail } from '../service/views.ts';
import { request } from './http-task.ts';

const TIMEOUT_MS = 30_000;

/** Asks the workflow service for the newest run of that logical date. Errors: TASK_FAILED when it has failed, DAG_NOT_FOUND. */
export function lookAtDag(action: DagSensor, input: AttemptInput): () => Promise<boolean> {
  const { dagId, taskId, failedStates } = action;
  if (input.workflowUrl === '')
    throw new QuarryError('UNSUPPORTED', 'a sensor on another DAG needs the workflow service');
  const logicalDate = new Date(input.logicalMs - action.offsetMs).toISOString();
  const url = `${input.workflowUrl}/api/dags/${dagId}/at/${logicalDate}`;
  console.log(`waiting for ${dagId}${taskId === '' ? '' : `.${taskId}`} of ${logicalDate}`);
  return async () => {
    try {
      const answer = await request(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
      if (answer.status === 404) {
        await answer.arrayBuffer();
        return false;
      }
      const run = (await answer.json()) as RunDetail;
      const state = taskId === '' ? run.state : run.tasks.find((task) => task.taskId === taskId)?.state;
      if (state !== undefined && failedStates.includes(state))
        throw new QuarryError('TASK_FAILED', `${dagId} ${run.runId} is ${state}`);
      return state === 'success';
    } catch (thrown) {
      // The service is being started again.
      if (!hasCode(thrown, 'PEER_UNREACHABLE')) throw thrown;
      return false;
    }
  };
}
