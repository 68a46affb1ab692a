// The process of one attempt: claims it, does what the task says, writes the result. Nobody waits for it on a pipe, so it outlives
// the scheduler that began it.
import { QuarryError } from '../../common/quarry-error.ts';
import type { Outcome } from '../core/task-transitions.ts';
import { runAction } from '../tasks/run-action.ts';
import { AttemptDirectory, type AttemptInput } from './attempt-directory.ts';
import { identityOf } from './process-table.ts';
import { Skipped } from './skipped.ts';

async function outcomeOf(input: AttemptInput): Promise<Outcome> {
  try {
    return await runAction(input);
  } catch (thrown) {
    if (thrown instanceof Skipped) return { kind: 'skipped', reason: thrown.message };
    const error = QuarryError.from(thrown);
    console.error(error.code === 'INTERNAL' ? error.stack : `${error.code}: ${error.message}`);
    const wire = error.code === 'INTERNAL' ? new QuarryError('TASK_FAILED', error.message) : error;
    return { kind: 'failed', error: wire.toWire(), isFinal: false };
  }
}

const ABANDONED_CHECK_MS = 5_000;

/** A sensor waits for days; when its service's directory has been removed, nobody wants to know any more. */
function endWhenAbandoned(directory: AttemptDirectory): void {
  setInterval(() => {
    if (!directory.exists()) process.exit(1);
  }, ABANDONED_CHECK_MS).unref();
}

const directory = new AttemptDirectory(process.argv[2] ?? '');
const self = identityOf(process.pid);
if (self === undefined) throw new Error('no /proc: attempts need Linux');
if (directory.claim(self)) {
  const input = directory.input();
  if (input.waiting !== undefined) endWhenAbandoned(directory);
  const outcome = await outcomeOf(input);
  if (outcome.kind === 'skipped') console.error(`skipped: ${outcome.reason}`);
  directory.writeResult(outcome);
  // What a task has left open must not keep its slot.
  process.exit(outcome.kind === 'failed' ? 1 : 0);
}
