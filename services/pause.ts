import { setTimeout as sleep } from 'node:timers/promises';

/** Waits, at most until the signal: an end that was asked for is no error. */
export async function pause(waitMs: number, signal: AbortSignal): Promise<void> {
  await sleep(waitMs, undefined, { signal }).catch((thrown: unknown) => {
    if (!signal.aborted) throw thrown;
  });
}
