import { QuarryError } from '../../common/quarry-error.ts';
import type { StreamEvent } from '../session/session-streams.ts';
import type { StreamingQueryProgress } from '../../common/stream/query-progress.ts';
import type { StreamIdle, StreamingQuery } from '../stream/streaming-query.ts';

export function startedJson(query: StreamingQuery, timestamp: string): string {
  return JSON.stringify({ id: query.id, runId: query.runId, name: query.name || null, timestamp });
}

export function progressEvent(progress: StreamingQueryProgress): StreamEvent {
  return { kind: 'progress', json: JSON.stringify({ progress }) };
}

export function idleEvent(idle: StreamIdle): StreamEvent {
  return { kind: 'idle', json: JSON.stringify(idle) };
}

export function terminatedEvent(query: StreamingQuery): StreamEvent {
  const failure = failureOf(query);
  const { id, runId } = query;
  const exception = failure?.message ?? null;
  const errorClassOnException = failure === undefined ? null : causeClass(query);
  return { kind: 'terminated', json: JSON.stringify({ id, runId, exception, errorClassOnException }) };
}

/** What ended the query, as Spark's StreamingQueryException says it; undefined while it runs or when it ended well. */
export function failureOf(query: StreamingQuery): QuarryError | undefined {
  const { exception, id, runId } = query;
  return exception === undefined ? undefined : streamFailure(exception, { id, runId });
}

/** Clients know the exception by its class STREAM_FAILED. */
export function streamFailure(thrown: unknown, { id, runId }: { id: string; runId: string }): QuarryError {
  const cause = QuarryError.from(thrown);
  if (cause.details['errorClass'] === STREAM_FAILED.errorClass) return cause;
  const text = `Query [id = ${id}, runId = ${runId}] terminated with exception: ${cause.message}`;
  return new QuarryError(
    cause.code,
    `[${STREAM_FAILED.errorClass}] ${text} SQLSTATE: ${STREAM_FAILED.sqlState}`,
    { details: { ...STREAM_FAILED, id, runId, message: cause.message }, cause },
  );
}

const STREAM_FAILED = { errorClass: 'STREAM_FAILED', sqlState: 'XXKST' };

function causeClass(query: StreamingQuery): string {
  const cause = QuarryError.from(query.exception);
  return String(cause.details['errorClass'] ?? cause.code);
}
