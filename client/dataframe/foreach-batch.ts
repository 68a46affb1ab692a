import { QuarryError } from '../../common/quarry-error.ts';
import { foreachBatchCall, foreachBatchDone, foreachBatchStart } from '../../common/stream/foreach-batch.ts';
import type { ExecutePlanResponse } from '../../proto/gen/spark/connect/ExecutePlanResponse.ts';
import type { RelationInput } from '../../proto/gen/spark/connect/Relation.ts';
import type { WriteStreamOperationStartInput } from '../../proto/gen/spark/connect/WriteStreamOperationStart.ts';
import type { WriteStreamOperationStartResult } from '../../proto/gen/spark/connect/WriteStreamOperationStartResult.ts';
import { encodeWriteStream } from '../connect/connect-service.ts';
import type { PlanRunner } from '../connect/plan-runner.ts';
import type { DataFrame } from './dataframe.ts';

/** Gets every batch once it is read; the batch is done when it returns. A batch may come again after a restart, under its number. */
export type ForeachBatchFunction = (batch: DataFrame, batchId: number) => Promise<void> | void;

export interface StartedForeachBatch {
  readonly started: WriteStreamOperationStartResult;
  /** Resolves when no more batches come, with what kept them from coming when that was an error. */
  readonly batches: Promise<Error | undefined>;
}

/**
 * Starts a query whose batches come to a function of this process: the server sends the id of each batch's rows over one open
 * operation, and goes on when the function has returned. The query ends with this process, or with what the function throws.
 */
export async function startForeachBatch(
  runner: PlanRunner,
  operation: WriteStreamOperationStartInput,
  body: ForeachBatchFunction,
  frame: (relation: RelationInput) => DataFrame,
): Promise<StartedForeachBatch> {
  const extension = foreachBatchStart.encode({ operation: encodeWriteStream(operation) });
  const responses = runner.execute({ command: { extension } })[Symbol.asyncIterator]();
  const first = await responses.next();
  const started = first.done === true ? undefined : first.value.writeStreamOperationStartResult;
  if (started?.queryId == null) throw new QuarryError('INTERNAL', 'the server did not start the query');
  const { id, runId } = started.queryId;
  const run = async (response: ExecutePlanResponse): Promise<void> => {
    const message = response.extension as unknown as { readonly value: Buffer } | null;
    if (message === null || message === undefined) return;
    const { relationId, batchId } = foreachBatchCall.decode(message.value);
    const error = await failureOf(body, frame({ cachedRemoteRelation: { relationId } }), batchId);
    const done = foreachBatchDone.encode({
      queryId: id,
      runId,
      batchId,
      ...(error === undefined ? {} : { error }),
    });
    for await (const answer of runner.execute({ command: { extension: done } })) void answer;
  };
  const all = async (): Promise<void> => {
    for (let next = await responses.next(); next.done !== true; next = await responses.next())
      await run(next.value);
  };
  const batches = all().then(
    () => undefined,
    (thrown: unknown) => QuarryError.from(thrown),
  );
  return { started, batches };
}

async function failureOf(
  body: ForeachBatchFunction,
  batch: DataFrame,
  batchId: number,
): Promise<string | undefined> {
  try {
    await body(batch, batchId);
    return undefined;
  } catch (thrown) {
    return thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  }
}
