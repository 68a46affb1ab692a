import { setTimeout as sleep } from 'node:timers/promises';
import type { Outcome } from '../core/task-transitions.ts';
import type { AttemptInput } from '../run/attempt-directory.ts';

/** Looks once, or until it is there. How long that may take is the scheduler's to say: it ends the process. */
export async function waitFor({ waiting }: AttemptInput, look: () => Promise<boolean>): Promise<Outcome> {
  for (;;) {
    const isThere = await look();
    console.log(`${new Date().toISOString()} ${isThere ? 'there' : 'not there yet'}`);
    if (isThere) return { kind: 'success', output: undefined };
    if (waiting?.mode !== 'poke') return { kind: 'reschedule' };
    await sleep(waiting.intervalMs);
  }
}
