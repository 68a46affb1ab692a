import { QuarryError, type WireError } from '../../common/quarry-error.ts';
import { taskService } from '../../common/rpc/services.ts';
import type { RpcClient } from '../../common/seams/rpc.ts';
import type { RunTaskRequestInput } from '../../proto/gen/quarry/RunTaskRequest.ts';
import type { TaskFinished } from '../../proto/gen/quarry/TaskFinished.ts';
import type { TaskMetrics } from '../../proto/gen/quarry/TaskMetrics.ts';
import type { SchedulerDecision } from './scheduler-protocol.ts';

export type Launch = Extract<SchedulerDecision, { kind: 'launch' }>;

export type CallEnd =
  | { readonly kind: 'finished'; readonly finished: TaskFinished }
  | { readonly kind: 'failed'; readonly error: WireError }
  /** The connection broke before the task said how it ended. */
  | { readonly kind: 'lost'; readonly error: WireError }
  | { readonly kind: 'cancelled' };

export interface CallSink {
  batch(data: Buffer, rowCount: number): Promise<void>;
  progress(metrics: TaskMetrics): void;
}

/** One attempt from its launch to its end. Never rejects for what happens at the executor. */
export async function callTask(
  client: RpcClient,
  launch: Launch,
  sink: CallSink,
  signal: AbortSignal,
): Promise<CallEnd> {
  try {
    const events = client.stream(launch.executor.taskAddress, taskService().RunTask, toRequest(launch), {
      signal,
    });
    for await (const event of events) {
      if (event.batch != null) await sink.batch(event.batch.data, event.batch.rowCount);
      else if (event.progress?.metrics != null) sink.progress(event.progress.metrics);
      else if (event.finished != null) return { kind: 'finished', finished: event.finished };
      else if (event.failed != null) {
        const { code, message, details } = event.failed;
        const error = QuarryError.fromWire({ code, message, details: JSON.parse(details || '{}') });
        return { kind: 'failed', error: error.toWire() };
      }
    }
    return ended(signal, new QuarryError('EXECUTOR_LOST', `${launch.executor.id} ended the call early`));
  } catch (thrown) {
    return ended(signal, QuarryError.from(thrown));
  }
}

function ended(signal: AbortSignal, error: QuarryError): CallEnd {
  if (signal.aborted) return { kind: 'cancelled' };
  // Whatever the executor itself had to say came as an event: what is thrown is the connection's.
  return error.code === 'INTERNAL'
    ? { kind: 'failed', error: error.toWire() }
    : { kind: 'lost', error: error.toWire() };
}

function toRequest(launch: Launch): RunTaskRequestInput {
  const { id, task, shuffles, outputPartitions } = launch;
  return {
    id,
    shuffles: [...shuffles],
    outputPartitions,
    ...(task.work.kind === 'sql' ? { sql: task.work.sql } : { rdd: Buffer.from(task.work.rdd) }),
  };
}
