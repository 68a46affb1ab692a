import { QuarryError } from '../../common/quarry-error.ts';
import type { HttpAction, Json } from '../core/dag-model.ts';

const SHOWN_CHARACTERS = 300;

/** Errors: TASK_FAILED for another status than expected, PEER_UNREACHABLE. */
export async function runHttp(action: HttpAction): Promise<Json> {
  console.log(`${action.method} ${action.url}`);
  const answer = await request(action.url, {
    method: action.method,
    headers: action.headers,
    ...(action.body === '' ? {} : { body: action.body }),
    signal: AbortSignal.timeout(action.requestTimeoutMs),
  });
  const body = await answer.text();
  console.log(`${answer.status}, ${body.length} characters`);
  if (!action.expectedStatus.includes(answer.status)) {
    throw new QuarryError(
      'TASK_FAILED',
      `${action.url} answered ${answer.status}, not ${action.expectedStatus.join(' or ')}: ${body.slice(0, SHOWN_CHARACTERS)}`,
    );
  }
  return answer.headers.get('content-type')?.includes('json') === true ? (JSON.parse(body) as Json) : body;
}

/** fetch whose failure says what happened. Errors: PEER_UNREACHABLE. */
export async function request(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (thrown) {
    const { cause, message } = thrown as Error;
    const reason = cause instanceof Error ? cause.message : message;
    throw new QuarryError('PEER_UNREACHABLE', `${url}: ${reason}`, { cause: thrown });
  }
}
