import { QuarryError } from '../common/quarry-error.ts';
import { answerOf, waitUntil } from './wait.ts';
import { DAG_ID, type Pipeline } from './start-pipeline.ts';

const CALL_MS = 10_000;

/** Waits for the end of the nightly DAG's run of a date, and asks for one when its hour has not come. Errors: TASK_FAILED when it fails or the time is up. */
export async function runNightly(pipeline: Pipeline, date: string, limitMs: number): Promise<void> {
  const asked = `pipeline__${date}`;
  const runId = await answerOf(
    'the workflow service has the run',
    async () => {
      const scheduled = await scheduledRun(pipeline, date);
      if (scheduled === undefined) await trigger(pipeline, date, asked);
      return scheduled ?? asked;
    },
    limitMs,
  );
  let state = '';
  await waitUntil(
    `the run of ${DAG_ID} for ${date}`,
    async () => {
      state = await runState(pipeline, runId);
      return state === 'success' || state === 'failed';
    },
    limitMs,
  );
  if (state === 'failed') {
    throw new QuarryError(
      'TASK_FAILED',
      `${DAG_ID} failed for ${date}: quarry dag logs ${DAG_ID} ${runId} ranking`,
    );
  }
}

/** The id of the run that the schedule has made for the interval that begins at 02:00 of the date. */
async function scheduledRun({ workflowUrl }: Pipeline, date: string): Promise<string | undefined> {
  const url = `${workflowUrl}/api/dags/${DAG_ID}/at/${date}T02:00:00Z`;
  const response = await fetch(url, { signal: AbortSignal.timeout(CALL_MS) });
  if (response.status === 404) return undefined;
  if (!response.ok)
    throw new QuarryError('TASK_FAILED', `the workflow service answers ${await response.text()}`);
  return ((await response.json()) as { runId: string }).runId;
}

async function trigger({ workflowUrl }: Pipeline, date: string, runId: string): Promise<void> {
  const response = await fetch(`${workflowUrl}/api/dags/${DAG_ID}/runs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ date, runId }),
    signal: AbortSignal.timeout(CALL_MS),
  });
  if (!response.ok)
    throw new QuarryError('TASK_FAILED', `the workflow service answers ${await response.text()}`);
}

async function runState({ workflowUrl }: Pipeline, runId: string): Promise<string> {
  const url = `${workflowUrl}/api/dags/${DAG_ID}/runs/${encodeURIComponent(runId)}`;
  const response = await fetch(url, { signal: AbortSignal.timeout(CALL_MS) });
  if (!response.ok)
    throw new QuarryError('TASK_FAILED', `the workflow service answers ${await response.text()}`);
  return ((await response.json()) as { state: string }).state;
}
