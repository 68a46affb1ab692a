import { QuarryError } from '../../common/quarry-error.ts';
import type { StreamingQueryCommand } from '../../proto/gen/spark/connect/StreamingQueryCommand.ts';
import type { StreamingQueryCommandResultInput } from '../../proto/gen/spark/connect/StreamingQueryCommandResult.ts';
import type { StreamingQueryListenerBusCommand } from '../../proto/gen/spark/connect/StreamingQueryListenerBusCommand.ts';
import type { StreamingQueryManagerCommand } from '../../proto/gen/spark/connect/StreamingQueryManagerCommand.ts';
import type { StreamingQueryManagerCommandResultInput } from '../../proto/gen/spark/connect/StreamingQueryManagerCommandResult.ts';
import { unsupported } from '../plan/errors.ts';
import type { QueryContext } from '../schedule/query-runner.ts';
import type { Session } from '../session/session.ts';
import type { StreamEvent } from '../session/session-streams.ts';
import type { StreamingQueries, StreamingQuery } from '../stream/streaming-query.ts';
import { AsyncQueue } from './async-queue.ts';
import type { ResponseBody } from './operation.ts';
import { failureOf, streamFailure } from './stream-events.ts';

type QueryResult = Omit<StreamingQueryCommandResultInput, 'queryId'>;

/** A question about one query, or an order to it. Errors: INVALID_ARGUMENT for a query that is not known here, and what ended it. */
export async function* queryCommand(
  command: StreamingQueryCommand,
  session: Session,
  queries: StreamingQueries,
): AsyncGenerator<ResponseBody, void, undefined> {
  const id = command.queryId?.id ?? '';
  const runId = command.queryId?.runId ?? '';
  const query = queries.find(id, runId);
  if (query?.sessionId !== session.sessionId) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `Streaming query ${id} is not found: it is of no query of this session`,
    );
  }
  const result = await queryResult(command, query);
  yield { streamingQueryCommandResult: { queryId: { id, runId }, ...result } };
}

async function queryResult(command: StreamingQueryCommand, query: StreamingQuery): Promise<QueryResult> {
  switch (command.command) {
    case 'status': {
      const { message, isDataAvailable, isTriggerActive } = query.status;
      const { isActive } = query;
      return { status: { statusMessage: message, isDataAvailable, isTriggerActive, isActive } };
    }
    case 'lastProgress':
      return progressResult(query.recentProgress.slice(-1));
    case 'recentProgress':
      return progressResult(query.recentProgress);
    case 'stop':
      await query.stop();
      return {};
    case 'processAllAvailable':
      await asStreamFailure(query, query.processAllAvailable());
      return {};
    case 'explain':
      return { explain: { result: query.explain(command.explain!.extended) } };
    case 'exception':
      return { exception: exceptionOf(query) };
    case 'awaitTermination': {
      const timeoutMs = optionalMs(command.awaitTermination!.timeoutMs);
      const terminated = await asStreamFailure(query, query.awaitTermination(timeoutMs));
      return { awaitTermination: { terminated } };
    }
    default:
      throw unsupported('This command to a streaming query');
  }
}

function progressResult(progress: readonly object[]): QueryResult {
  return { recentProgress: { recentProgressJson: progress.map((each) => JSON.stringify(each)) } };
}

/** Clients cut what stands before the first `: `, which is Java's class name in Spark. */
function exceptionOf(query: StreamingQuery): NonNullable<QueryResult['exception']> {
  const failure = failureOf(query);
  if (failure === undefined) return {};
  const javaClass = 'org.apache.spark.sql.streaming.StreamingQueryException';
  return { exceptionMessage: `${javaClass}: ${failure.message}`, errorClass: 'STREAM_FAILED' };
}

async function asStreamFailure<T>(query: StreamingQuery, waiting: Promise<T>): Promise<T> {
  try {
    return await waiting;
  } catch (thrown) {
    throw streamFailure(thrown, query);
  }
}

/** 64-bit numbers arrive as text. */
function optionalMs(timeoutMs: string | undefined): number | undefined {
  return timeoutMs === undefined ? undefined : Number(timeoutMs);
}

/** A question about a session's queries. Errors: what ended one of them, UNSUPPORTED for listeners that are code. */
export async function* managerCommand(
  command: StreamingQueryManagerCommand,
  session: Session,
  queries: StreamingQueries,
): AsyncGenerator<ResponseBody, void, undefined> {
  yield { streamingQueryManagerCommandResult: await managerResult(command, session, queries) };
}

async function managerResult(
  command: StreamingQueryManagerCommand,
  { sessionId }: Session,
  queries: StreamingQueries,
): Promise<StreamingQueryManagerCommandResultInput> {
  switch (command.command) {
    case 'active':
      return { active: { activeQueries: queries.active(sessionId).map(instanceOf) } };
    case 'getQuery': {
      const query = queries.active(sessionId).find(({ id }) => id === command.getQuery);
      return query === undefined ? {} : { query: instanceOf(query) };
    }
    case 'awaitAnyTermination': {
      const timeoutMs = optionalMs(command.awaitAnyTermination!.timeoutMs);
      return { awaitAnyTermination: { terminated: await awaitAny(queries, sessionId, timeoutMs) } };
    }
    case 'resetTerminated':
      queries.resetTerminated(sessionId);
      return { resetTerminated: true };
    case 'listListeners':
      return { listListeners: { listenerIds: [] } };
    default:
      throw unsupported('A listener that runs on the server: add it with spark.streams.addListener. It');
  }
}

async function awaitAny(
  queries: StreamingQueries,
  sessionId: string,
  timeoutMs: number | undefined,
): Promise<boolean> {
  try {
    return await queries.awaitAny(sessionId, timeoutMs);
  } catch (thrown) {
    const failed = queries.all().find(({ exception }) => exception === thrown);
    throw streamFailure(thrown, failed ?? { id: 'unknown', runId: 'unknown' });
  }
}

function instanceOf({ id, runId, name }: StreamingQuery) {
  return { id: { id, runId }, ...(name === '' ? {} : { name }) };
}

const EVENT_TYPES = {
  progress: 'QUERY_PROGRESS_EVENT',
  terminated: 'QUERY_TERMINATED_EVENT',
  idle: 'QUERY_IDLE_EVENT',
} as const;

/** The session's one stream of events: open until the client takes its last listener away. */
export async function* listenerBus(
  command: StreamingQueryListenerBusCommand,
  session: Session,
  { signal }: QueryContext,
): AsyncGenerator<ResponseBody, void, undefined> {
  const { streams } = session;
  streams.endListening?.();
  if (command.command !== 'addListenerBusListener') return;
  const events = new AsyncQueue<StreamEvent>();
  const forget = streams.listen((event) => events.push(event));
  const end = (): void => events.close();
  streams.endListening = end;
  signal?.addEventListener('abort', end, { once: true });
  try {
    yield { streamingQueryListenerEventsResult: { events: [], listenerBusListenerAdded: true } };
    for await (const { kind, json } of events) {
      yield {
        streamingQueryListenerEventsResult: { events: [{ eventJson: json, eventType: EVENT_TYPES[kind] }] },
      };
    }
  } finally {
    forget();
    if (streams.endListening === end) streams.endListening = undefined;
  }
}
