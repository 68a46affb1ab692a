import { foreachBatchCall, foreachBatchDone, foreachBatchStart } from '../../common/stream/foreach-batch.ts';
import type { QueryContext } from '../schedule/query-runner.ts';
import type { Session } from '../session/session.ts';
import { AsyncQueue } from './async-queue.ts';
import { decodeWriteStream } from './connect-protocol.ts';
import { foreachFailure, withRemoteRelation } from './foreach-batch.ts';
import type { ResultSources } from './open-result.ts';
import type { ResponseBody } from './operation.ts';
import { startQuery, startResult } from './start-stream.ts';

/**
 * A streaming query whose foreachBatch function is the client's own: the operation stays open, each batch goes out as a
 * ForeachBatchCall and waits for its ForeachBatchDone. The query ends with the operation.
 */
export async function* serveForeachBatch(
  message: Buffer,
  session: Session,
  context: QueryContext,
  sources: ResultSources,
): AsyncGenerator<ResponseBody, void, undefined> {
  const operation = decodeWriteStream(foreachBatchStart.decode(message).operation);
  const signal = context.signal ?? new AbortController().signal;
  const responses = new AsyncQueue<ResponseBody>();
  let started!: (runId: string) => void;
  const runId = new Promise<string>((resolve) => (started = resolve));
  const query = await startQuery({ ...operation, foreachBatch: {} as never }, session, context, {
    sources,
    foreachBatch: (batch, batchId) =>
      withRemoteRelation(session, batch, async (relationId) => {
        const answered = session.streams.awaitAnswer(await runId, batchId, signal);
        responses.push({ extension: foreachBatchCall.encode({ relationId, batchId }) });
        await answered;
      }),
  });
  started(query.runId);
  const gone = (): void => void query.stop();
  signal.addEventListener('abort', gone, { once: true });
  // How it ended is asked for with the query's own commands.
  const ended = query.awaitTermination().then(
    () => undefined,
    () => undefined,
  );
  void ended.then(() => responses.close());
  try {
    yield startResult(query);
    yield* responses;
  } finally {
    signal.removeEventListener('abort', gone);
    if (query.isActive) await query.stop();
  }
}

/** The client has done, or failed, a batch. Errors: INVALID_ARGUMENT. */
export function answerForeachBatch(message: Buffer, session: Session): void {
  const { runId, batchId, error } = foreachBatchDone.decode(message);
  session.streams.answer(runId, batchId, error === undefined ? undefined : foreachFailure(error));
}
