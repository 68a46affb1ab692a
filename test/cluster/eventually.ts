import { setTimeout as sleep } from 'node:timers/promises';

/** Asks until the answer is right; fails with the last answer when the time is up. */
export async function eventually<T>(
  ask: () => Promise<T>,
  isRight: (answer: T) => boolean,
  limitMs: number,
): Promise<T> {
  const deadlineMs = performance.now() + limitMs;
  for (;;) {
    const answer = await ask();
    if (isRight(answer)) return answer;
    if (performance.now() > deadlineMs)
      throw new Error(`not so within ${limitMs} ms; last: ${JSON.stringify(answer)}`);
    await sleep(100);
  }
}
