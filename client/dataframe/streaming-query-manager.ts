import { QuarryError } from '../../common/quarry-error.ts';
import type { StreamingQueryListenerEvent } from '../../proto/gen/spark/connect/StreamingQueryListenerEvent.ts';
import type { StreamingQueryManagerCommandInput } from '../../proto/gen/spark/connect/StreamingQueryManagerCommand.ts';
import type {
  StreamingQueryManagerCommandResult,
  _spark_connect_StreamingQueryManagerCommandResult_StreamingQueryInstance as Instance,
} from '../../proto/gen/spark/connect/StreamingQueryManagerCommandResult.ts';
import type { PlanRunner } from '../connect/plan-runner.ts';
import { StreamingQuery, type StreamingQueryIds } from './streaming-query.ts';
import type { StreamingQueryProgress } from '../../common/stream/query-progress.ts';

export interface QueryStartedEvent extends StreamingQueryIds {
  /** ISO, UTC. */
  readonly timestamp: string;
}
export interface QueryTerminatedEvent {
  readonly id: string;
  readonly runId: string;
  /** Null when the query ended well. */
  readonly exception: string | null;
  readonly errorClassOnException: string | null;
}

/** Hears of a session's streaming queries. What a listener throws is its own affair: other listeners and queries go on. */
export interface StreamingQueryListener {
  onQueryStarted?(event: QueryStartedEvent): void;
  onQueryProgress?(event: { readonly progress: StreamingQueryProgress }): void;
  onQueryTerminated?(event: QueryTerminatedEvent): void;
}

/** The streaming queries of a session: `session.streams`. */
export class StreamingQueryManager {
  readonly #runner: PlanRunner;
  readonly #listeners = new Set<StreamingQueryListener>();
  #listening: Promise<void> | undefined;

  constructor(runner: PlanRunner) {
    this.#runner = runner;
    runner.onStreamStarted = (json) => {
      const event = JSON.parse(json) as QueryStartedEvent;
      this.#tell((listener) => listener.onQueryStarted?.(event));
    };
  }

  /** Those that run now. */
  async active(): Promise<StreamingQuery[]> {
    const { active } = await this.#ask({ active: true });
    return (active?.activeQueries ?? []).map((instance) => this.#queryOf(instance));
  }

  /** A running query by its id; null when none runs. */
  async get(id: string): Promise<StreamingQuery | null> {
    const { query } = await this.#ask({ getQuery: id });
    return query === null || query === undefined ? null : this.#queryOf(query);
  }

  /** True when any of the session's queries has ended (also before the call, see resetTerminated). Throws what ended it. */
  async awaitAnyTermination(timeoutMs?: number): Promise<boolean> {
    const { awaitAnyTermination } = await this.#ask({
      awaitAnyTermination: timeoutMs === undefined ? {} : { timeoutMs: String(timeoutMs) },
    });
    return awaitAnyTermination?.terminated ?? false;
  }

  /** Forgets those that have ended, so that awaitAnyTermination waits for the next. */
  async resetTerminated(): Promise<void> {
    await this.#ask({ resetTerminated: true });
  }

  /** The listener hears of everything after this returns. An open listener keeps the process running until it is taken away. */
  async addListener(listener: StreamingQueryListener): Promise<void> {
    this.#listeners.add(listener);
    if (this.#listening !== undefined) return;
    const command = { streamingQueryListenerBusCommand: { addListenerBusListener: true } };
    const events = this.#runner.execute({ command })[Symbol.asyncIterator]();
    try {
      await events.next();
    } catch (thrown) {
      this.#listeners.delete(listener);
      throw thrown;
    }
    this.#listening = this.#follow(events).finally(() => (this.#listening = undefined));
  }

  /** Returns when the listener has heard of all that happened before. */
  async removeListener(listener: StreamingQueryListener): Promise<void> {
    if (!this.#listeners.has(listener)) return;
    if (this.#listeners.size === 1) {
      const command = { streamingQueryListenerBusCommand: { removeListenerBusListener: true } };
      for await (const response of this.#runner.execute({ command })) void response;
      await this.#listening;
    }
    this.#listeners.delete(listener);
  }

  async #follow(
    events: AsyncIterator<{
      streamingQueryListenerEventsResult?: { events: StreamingQueryListenerEvent[] } | null;
    }>,
  ): Promise<void> {
    try {
      for (let next = await events.next(); next.done !== true; next = await events.next()) {
        for (const event of next.value.streamingQueryListenerEventsResult?.events ?? []) this.#post(event);
      }
    } catch {
      // The session or its server has ended; every query's own methods say so, and nothing more is to be heard.
      this.#listeners.clear();
    }
  }

  #post({ eventType, eventJson }: StreamingQueryListenerEvent): void {
    const event: unknown = JSON.parse(eventJson);
    if (eventType === 'QUERY_PROGRESS_EVENT') {
      this.#tell((listener) => listener.onQueryProgress?.(event as { progress: StreamingQueryProgress }));
    } else if (eventType === 'QUERY_TERMINATED_EVENT') {
      this.#tell((listener) => listener.onQueryTerminated?.(event as QueryTerminatedEvent));
    }
  }

  #tell(call: (listener: StreamingQueryListener) => void): void {
    for (const listener of this.#listeners) {
      try {
        call(listener);
      } catch (thrown) {
        console.warn('a streaming query listener threw', thrown);
      }
    }
  }

  #queryOf({ id, name }: Instance): StreamingQuery {
    const ids = {
      id: id?.id ?? '',
      runId: id?.runId ?? '',
      name: name === undefined || name === '' ? null : name,
    };
    return new StreamingQuery(this.#runner, ids);
  }

  async #ask(command: StreamingQueryManagerCommandInput): Promise<StreamingQueryManagerCommandResult> {
    let answer: StreamingQueryManagerCommandResult | undefined;
    for await (const response of this.#runner.execute({
      command: { streamingQueryManagerCommand: command },
    })) {
      answer = response.streamingQueryManagerCommandResult ?? answer;
    }
    if (answer === undefined)
      throw new QuarryError('INTERNAL', 'the server gave no answer about its queries');
    return answer;
  }
}
