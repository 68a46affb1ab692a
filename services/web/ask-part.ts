import { type ErrorDetails, QuarryError } from '../../common/quarry-error.ts';

export interface PartAnswer {
  readonly body: string;
  readonly headers: Headers;
}

const TIMEOUT_MS = 4_000;

/** GET from another process of the pipeline. Errors: PEER_UNREACHABLE, DEADLINE, those that the part answers. */
export async function askPart(part: string, baseUrl: string, path: string): Promise<PartAnswer> {
  if (baseUrl === '') throw new QuarryError('PEER_UNREACHABLE', `the web service was told no ${part}`);
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  let answer: Response;
  let body: string;
  try {
    answer = await fetch(`${baseUrl.replace(/\/$/, '')}${path}`, { signal, redirect: 'error' });
    body = await answer.text();
  } catch (cause) {
    if (signal.aborted)
      throw new QuarryError('DEADLINE', `the ${part} did not answer within ${TIMEOUT_MS} ms`, { cause });
    throw new QuarryError('PEER_UNREACHABLE', `no ${part} answers at ${baseUrl}`, { cause });
  }
  if (answer.ok) return { body, headers: answer.headers };
  throw refusal(part, answer, body);
}

function refusal(part: string, answer: Response, body: string): QuarryError {
  if (answer.headers.get('content-type')?.includes('json') === true) {
    const { error } = JSON.parse(body) as {
      error?: { code: string; message: string; details?: ErrorDetails };
    };
    if (error !== undefined) return QuarryError.fromWire(error);
  }
  return new QuarryError(
    answer.status === 404 ? 'FILE_NOT_FOUND' : 'INTERNAL',
    `the ${part} answered ${answer.status}: ${body.trim().slice(0, 200)}`,
  );
}
