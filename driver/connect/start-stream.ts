import { QuarryError } from '../../common/quarry-error.ts';
import type { WriteStreamOperationStart } from '../../proto/gen/spark/connect/WriteStreamOperationStart.ts';
import { checkIsStream, checkStreaming } from '../plan/check-streaming.ts';
import { unsupported } from '../plan/errors.ts';
import type { LogicalPlan } from '../plan/logical-plan.ts';
import type { QueryContext } from '../schedule/query-runner.ts';
import type { Session } from '../session/session.ts';
import type { StreamingQueries, StreamingQuery, StreamSpec } from '../stream/streaming-query.ts';
import { MemorySink } from './memory-sink.ts';
import type { ResultSources } from './open-result.ts';
import type { ResponseBody } from './operation.ts';
import { PythonForeach } from './python-foreach.ts';
import { idleEvent, progressEvent, startedJson, terminatedEvent } from './stream-events.ts';
import { type SinkSpec, sinkSpec } from './stream-spec.ts';

/** What streaming commands need of the driver. */
export interface StreamSources {
  readonly queries: StreamingQueries;
  /** host:port of Spark Connect: Python's foreachBatch worker calls back there. */
  readonly connectAddress: () => string;
  /** Where console sinks print: the driver's own output. */
  readonly print: (text: string) => void;
}

type ForeachBatch = NonNullable<StreamSpec['foreachBatch']>;

interface StartOptions {
  readonly sources: ResultSources;
  /** In place of the function that the operation carries. */
  readonly foreachBatch?: ForeachBatch;
}

/** `writeStream.start()`. Errors: as `StreamingQueries.start`, and what is wrong with the plan or the operation. */
export async function* startStream(
  operation: WriteStreamOperationStart,
  session: Session,
  context: QueryContext,
  sources: ResultSources,
): AsyncGenerator<ResponseBody, void, undefined> {
  yield startResult(await startQuery(operation, session, context, { sources }));
}

export function startResult(query: StreamingQuery): ResponseBody {
  return {
    writeStreamOperationStartResult: {
      queryId: { id: query.id, runId: query.runId },
      name: query.name,
      queryStartedEventJson: startedJson(query, new Date().toISOString()),
    },
  };
}

export function streamsOf(sources: ResultSources): StreamSources {
  if (sources.streams === undefined) throw unsupported('Structured streaming');
  return sources.streams;
}

export async function startQuery(
  operation: WriteStreamOperationStart,
  session: Session,
  context: QueryContext,
  { sources, foreachBatch }: StartOptions,
): Promise<StreamingQuery> {
  const streams = streamsOf(sources);
  const plan = await sources.planner.analyze(session, operation.input!);
  checkIsStream(plan);
  const sink = sinkSpec(operation, session.settings.get('spark.sql.sources.default'));
  checkStreaming(plan, sink.outputMode);
  checkName(sink.name, session, streams.queries);
  const worker =
    foreachBatch === undefined ? await pythonWorker(operation, session, streams.connectAddress()) : undefined;
  const body = foreachBatch ?? worker?.foreachBatch ?? memoryOf(sink, plan, session, context, sources);
  try {
    const query = await streams.queries.start(
      {
        ...sink,
        plan,
        ...(body === undefined ? {} : { foreachBatch: body }),
        print: streams.print,
        recoverable: sink.format !== 'memory' || sink.outputMode === 'complete',
        onProgress: (progress) => session.streams.post(progressEvent(progress)),
        onIdle: (idle) => session.streams.post(idleEvent(idle)),
      },
      { sessionId: session.sessionId, timeZone: session.timeZone, conf: session.settings.changed() },
    );
    follow(query, session, worker);
    return query;
  } catch (thrown) {
    worker?.close();
    throw thrown;
  }
}

async function pythonWorker(
  { foreachBatch, foreachWriter }: WriteStreamOperationStart,
  session: Session,
  connectAddress: string,
): Promise<PythonForeach | undefined> {
  if (foreachBatch !== null)
    return PythonForeach.start(foreachBatch, session, connectAddress, 'foreachBatch');
  if (foreachWriter !== null) return PythonForeach.start(foreachWriter, session, connectAddress, 'foreach');
  return undefined;
}

/** Names are a client's handles: two active queries of a session cannot share one. */
function checkName(name: string, session: Session, queries: StreamingQueries): void {
  if (name === '' || !queries.active(session.sessionId).some((query) => query.name === name)) return;
  throw new QuarryError(
    'STREAM_ACTIVE',
    `Cannot start query with name ${name} as a query with that name is already active in this SparkSession`,
  );
}

function memoryOf(
  sink: SinkSpec,
  plan: LogicalPlan,
  session: Session,
  context: QueryContext,
  { queries }: ResultSources,
): ForeachBatch | undefined {
  if (sink.format !== 'memory') return undefined;
  const { name, outputMode } = sink;
  // The batches outlive the operation that starts the query, and its signal.
  const { signal: _, onProgress: __, ...lasting } = context;
  const memory = new MemorySink({ session, queries, context: lasting, name, plan, outputMode });
  return (batch, batchId) => memory.add(batch, batchId);
}

/** Tells the listeners of its end, and ends its worker. */
function follow(query: StreamingQuery, session: Session, worker: PythonForeach | undefined): void {
  const ended = (): void => {
    worker?.close();
    session.streams.post(terminatedEvent(query));
  };
  query.awaitTermination().then(ended, ended);
}
