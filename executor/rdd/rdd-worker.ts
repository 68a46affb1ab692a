import type { MessagePort } from 'node:worker_threads';
import { unreachable } from '../../common/assert.ts';
import type { RddSource, RddTask } from '../../common/rdd/rdd-task.ts';
import { QuarryError, type WireError } from '../../common/quarry-error.ts';
import { joinRecords, mergeRecords } from './merge.ts';
import { arrowRowsOf, jsonLinesOf, keyedTextsOf, linesOf, valuesOf } from './records.ts';
import { drain } from './record-sink.ts';
import { Sandbox } from './sandbox.ts';
import { applyStep } from './steps.ts';
import { Abandoned, ThreadChannel } from './thread-channel.ts';

export interface WorkerJob {
  readonly task: RddTask;
  readonly port: MessagePort;
  readonly sent: Int32Array;
}

/** Returned, not thrown: an error that leaves a thread by being thrown loses its type. */
export type WorkerOutcome =
  | { readonly ok: true; readonly rowsRead: number; readonly rowsWritten: number }
  | { readonly ok: false; readonly error: WireError };

/** One task on this thread, from its first record to its last. */
export default function runWorkerJob({ task, port, sent }: WorkerJob): WorkerOutcome {
  const channel = new ThreadChannel(port, sent);
  const sandbox = new Sandbox((level, text) => channel.print(level, text));
  try {
    let rowsRead = 0;
    const source = openSource(task.source, channel, sandbox);
    const counted = (function* () {
      for (const record of source) {
        rowsRead++;
        yield record;
      }
    })();
    const records = task.steps.reduce<Iterable<unknown>>(
      (input, step) => applyStep(input, step, sandbox),
      counted,
    );
    const rowsWritten = drain(records, task.sink, channel, sandbox);
    return { ok: true, rowsRead, rowsWritten };
  } catch (thrown) {
    if (thrown instanceof Abandoned) {
      return { ok: false, error: new QuarryError('INTERNAL', thrown.message).toWire() };
    }
    return { ok: false, error: sandbox.explain(thrown).toWire() };
  } finally {
    channel.done();
    port.close();
  }
}

function openSource(source: RddSource, channel: ThreadChannel, sandbox: Sandbox): Iterable<unknown> {
  switch (source.kind) {
    case 'lines':
      return source.format === 'text'
        ? linesOf(channel, source)
        : jsonLinesOf(channel, source, source.path, sandbox);
    case 'values':
      return valuesOf(source.values, sandbox);
    case 'sql':
      return arrowRowsOf(channel, sandbox);
    case 'shuffle':
      return mergeRecords(keyedTextsOf(channel, 0), source.merge, sandbox);
    case 'join':
      return joinRecords(keyedTextsOf(channel, 0), keyedTextsOf(channel, 1), source.type, sandbox);
    default:
      return unreachable(source);
  }
}
