import { QuarryError } from '../../common/quarry-error.ts';
import type { SlackAction } from '../core/dag-model.ts';
import { request } from './http-task.ts';

const TIMEOUT_MS = 30_000;

/** Errors: TASK_FAILED when Slack refuses the message, PEER_UNREACHABLE. The address is a secret and in no message. */
export async function runSlack(action: SlackAction): Promise<void> {
  if (!URL.canParse(action.webhookUrl))
    throw new QuarryError('INVALID_ARGUMENT', 'the webhookUrl of a Slack task is no URL');
  const answer = await request(action.webhookUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ text: action.text }),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).catch((thrown: unknown) => {
    const why = QuarryError.from(thrown).message.replace(action.webhookUrl, '');
    throw new QuarryError('PEER_UNREACHABLE', `the Slack webhook cannot be reached${why}`, { cause: thrown });
  });
  if (!answer.ok)
    throw new QuarryError('TASK_FAILED', `Slack answered ${answer.status}: ${await answer.text()}`);
}
