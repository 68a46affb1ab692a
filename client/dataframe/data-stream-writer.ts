import { QuarryError } from '../../common/quarry-error.ts';
import type { RelationInput } from '../../proto/gen/spark/connect/Relation.ts';
import type { WriteStreamOperationStartInput } from '../../proto/gen/spark/connect/WriteStreamOperationStart.ts';
import type { WriteStreamOperationStartResult } from '../../proto/gen/spark/connect/WriteStreamOperationStartResult.ts';
import type { PlanRunner } from '../connect/plan-runner.ts';
import type { DataFrame } from './dataframe.ts';
import { type ForeachBatchFunction, startForeachBatch } from './foreach-batch.ts';
import { StreamingQuery } from './streaming-query.ts';

export type OutputMode = 'append' | 'update' | 'complete';

/**
 * When batches run. `processingTime`: every so often ('1 second'), or as soon as the one before is done ('0 seconds'). `availableNow`: all that
 * is there, in batches, then the query ends. `once`: the same in one batch.
 */
export type Trigger =
  | { readonly processingTime: string }
  | { readonly availableNow: true }
  | { readonly once: true };

type Operation = Omit<WriteStreamOperationStartInput, 'input'>;

interface WriterState {
  readonly runner: PlanRunner;
  readonly input: RelationInput;
  readonly frame: (relation: RelationInput) => DataFrame;
  readonly operation: Operation;
  readonly foreachBatch?: ForeachBatchFunction;
}

/**
 * Where the rows of a streaming DataFrame go. Immutable; `start` runs the query at the server.
 *
 * @example
 * const query = await counts.writeStream.format('redis').option('url', url).option('view', 'clicks').outputMode('update')
 *   .option('checkpointLocation', '/checkpoints/clicks').trigger({ processingTime: '1 second' }).start();
 */
export class DataStreamWriter {
  readonly #state: WriterState;

  constructor(state: WriterState) {
    this.#state = state;
  }

  /** parquet, redis, quarry-view, jdbc, kafka, quarry-log, console (prints where the server runs), memory, noop. */
  format(format: string): DataStreamWriter {
    return this.#with({ format });
  }

  option(name: string, value: string | number | boolean): DataStreamWriter {
    return this.options({ [name]: value });
  }

  options(options: Readonly<Record<string, string | number | boolean>>): DataStreamWriter {
    const texts = Object.entries(options).map(([name, value]) => [name, String(value)] as const);
    return this.#with({ options: { ...this.#state.operation.options, ...Object.fromEntries(texts) } });
  }

  /** append (the default): rows that change no more. update: rows that changed. complete: all rows of an aggregation, every time. */
  outputMode(mode: OutputMode): DataStreamWriter {
    return this.#with({ outputMode: mode });
  }

  trigger(trigger: Trigger): DataStreamWriter {
    if ('processingTime' in trigger) return this.#with({ processingTimeInterval: trigger.processingTime });
    return this.#with('once' in trigger ? { once: true } : { availableNow: true });
  }

  /** A name, unique among the session's running queries; of a memory sink also the name of its view. */
  queryName(name: string): DataStreamWriter {
    if (name.trim() === '') throw new QuarryError('INVALID_ARGUMENT', "a query's name cannot be empty");
    return this.#with({ queryName: name });
  }

  partitionBy(...columns: readonly string[]): DataStreamWriter {
    return this.#with({ partitioningColumnNames: [...columns] });
  }

  /**
   * A function of this process for every batch, in place of a format. Its data frame is good until it returns. Write with the batch's number
   * in mind: after a restart the last batch may come again. Only a Quarry cluster sends batches to its client.
   *
   * @example df.writeStream.foreachBatch(async (batch, id) => { await batch.write.parquet(`/out/${id}`); }).start()
   */
  foreachBatch(body: ForeachBatchFunction): DataStreamWriter {
    return new DataStreamWriter({ ...this.#state, foreachBatch: body });
  }

  /**
   * Starts the query, from its checkpoint when there is one. Errors: ANALYSIS (a mode or an operator that streams do not
   * support), INVALID_ARGUMENT (an option), CHECKPOINT_MISMATCH, TOPIC_NOT_FOUND, LOG_UNAVAILABLE, STREAM_ACTIVE.
   */
  async start(path?: string): Promise<StreamingQuery> {
    return this.#start(path === undefined ? {} : { path });
  }

  /** As `start`, into a table of a format that has tables (jdbc). */
  async toTable(tableName: string): Promise<StreamingQuery> {
    return this.#start({ tableName });
  }

  async #start(target: Operation): Promise<StreamingQuery> {
    const { runner, input, frame, operation, foreachBatch } = this.#state;
    const asked = { input, ...operation, ...target };
    if (foreachBatch === undefined) return queryOf(runner, await started(runner, asked));
    const { started: result, batches } = await startForeachBatch(runner, asked, foreachBatch, frame);
    return queryOf(runner, result, batches);
  }

  #with(fields: Operation): DataStreamWriter {
    const { processingTimeInterval: _, availableNow: __, once: ___, ...others } = this.#state.operation;
    const isTrigger = 'processingTimeInterval' in fields || 'availableNow' in fields || 'once' in fields;
    const operation = { ...(isTrigger ? others : this.#state.operation), ...fields };
    return new DataStreamWriter({ ...this.#state, operation });
  }
}

async function started(
  runner: PlanRunner,
  operation: WriteStreamOperationStartInput,
): Promise<WriteStreamOperationStartResult> {
  let result: WriteStreamOperationStartResult | undefined;
  for await (const response of runner.execute({ command: { writeStreamOperationStart: operation } })) {
    result = response.writeStreamOperationStartResult ?? result;
  }
  if (result === undefined) throw new QuarryError('INTERNAL', 'the server did not start the query');
  return result;
}

function queryOf(
  runner: PlanRunner,
  { queryId, name, queryStartedEventJson }: WriteStreamOperationStartResult,
  batches?: Promise<Error | undefined>,
): StreamingQuery {
  if (queryStartedEventJson !== undefined) runner.onStreamStarted?.(queryStartedEventJson);
  const ids = { id: queryId?.id ?? '', runId: queryId?.runId ?? '', name: name === '' ? null : name };
  return new StreamingQuery(runner, ids, batches);
}
