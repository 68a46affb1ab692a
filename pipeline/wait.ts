import { setTimeout as sleep } from 'node:timers/promises';
import { QuarryError } from '../common/quarry-error.ts';

const POLL_MS = 250;

/**
 * Asks until the answer is yes. A question that fails is asked again: parts of the pipeline may be killed and come back.
 * Errors: TASK_FAILED with the last failure when the time is up.
 */
export async function waitUntil(what: string, ask: () => Promise<boolean>, limitMs: number): Promise<void> {
  const deadlineMs = performance.now() + limitMs;
  let failure = '';
  for (;;) {
    try {
      if (await ask()) return;
    } catch (thrown) {
      failure = `: ${QuarryError.from(thrown).message}`;
    }
    if (performance.now() > deadlineMs) {
      throw new QuarryError('TASK_FAILED', `${what}: not within ${Math.round(limitMs / 1_000)} s${failure}`);
    }
    await sleep(POLL_MS);
  }
}

/** The answer of a question that may fail while a part of the pipeline is being started again. */
export async function answerOf<T>(what: string, ask: () => Promise<T>, limitMs: number): Promise<T> {
  let answer: { readonly value: T } | undefined;
  await waitUntil(
    what,
    async () => {
      answer = { value: await ask() };
      return true;
    },
    limitMs,
  );
  return answer!.value;
}
