// Loaded into a job's process before the job: an expected failure that the job does not catch ends it with one line, not a stack.
import { register } from 'node:module';
import { basename } from 'node:path';
import { constants } from 'node:os';
import { stopOpenSessions } from '../client/open-sessions.ts';
import { QuarryError } from '../common/quarry-error.ts';

register('./job-hooks.js', import.meta.url);

function report(thrown: unknown): void {
  if (thrown instanceof QuarryError)
    console.error(`${thrown.code}: ${thrown.message.replaceAll(/\s*\n\s*/g, ' ')}`);
  else if (thrown instanceof Error)
    console.error(`the job failed: ${thrown.name}: ${thrown.message} ${firstLine(thrown)}`.trimEnd());
  else console.error(`the job failed: ${String(thrown)}`);
  if (process.env['QUARRY_DEBUG'] !== undefined) console.error(thrown);
  process.exit(1);
}

/** Where in the job's own file it was thrown. */
function firstLine(error: Error): string {
  const job = basename(process.argv[1] ?? '');
  const frame = error.stack?.split('\n').find((line) => line.includes(`/${job}:`));
  const place = frame === undefined ? undefined : /([^/()]+:\d+:\d+)\)?$/.exec(frame)?.[1];
  return place === undefined ? '' : `(${place})`;
}

process.on('uncaughtException', report);
process.on('unhandledRejection', report);

/** A job that is told to end takes its queries with it, streaming ones too: nobody else would. */
const STOP_MS = 4_000;
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    // A job with a handler of its own decides itself.
    if (process.listenerCount(signal) > 0) return;
    void stopOpenSessions(STOP_MS).finally(() => process.exit(128 + constants.signals[signal]));
  });
}
