import { QuarryError } from '../../common/quarry-error.ts';
import type { StreamingQueryCommandInput } from '../../proto/gen/spark/connect/StreamingQueryCommand.ts';
import type { StreamingQueryCommandResult } from '../../proto/gen/spark/connect/StreamingQueryCommandResult.ts';
import type { PlanRunner } from '../connect/plan-runner.ts';
import type { StreamingQueryProgress, StreamingQueryStatus } from '../../common/stream/query-progress.ts';

/** Which query: `id` lives as long as its checkpoint, `runId` as long as this run of it. */
export interface StreamingQueryIds {
  readonly id: string;
  readonly runId: string;
  /** Null when it was started without one. */
  readonly name: string | null;
}

/**
 * A query that runs at the server until it is stopped, fails, or has read all there is (availableNow, once). Every method asks the
 * server; what ended a query is thrown by `awaitTermination` and `processAllAvailable`.
 */
export class StreamingQuery {
  readonly id: string;
  readonly runId: string;
  readonly name: string | null;
  readonly #runner: PlanRunner;
  readonly #batches: Promise<Error | undefined>;

  /** `batches` resolves when no more batches come to a foreachBatch function of this process, with what kept them from coming. */
  constructor(
    runner: PlanRunner,
    ids: StreamingQueryIds,
    batches: Promise<Error | undefined> = Promise.resolve(undefined),
  ) {
    this.#runner = runner;
    this.id = ids.id;
    this.runId = ids.runId;
    this.name = ids.name;
    this.#batches = batches;
  }

  async isActive(): Promise<boolean> {
    return (await this.#ask({ status: true })).status?.isActive ?? false;
  }

  async status(): Promise<StreamingQueryStatus> {
    const { status } = await this.#ask({ status: true });
    return {
      message: status?.statusMessage ?? '',
      isDataAvailable: status?.isDataAvailable ?? false,
      isTriggerActive: status?.isTriggerActive ?? false,
    };
  }

  /** Of the last batches, the newest last. */
  async recentProgress(): Promise<StreamingQueryProgress[]> {
    return progressOf(await this.#ask({ recentProgress: true }));
  }

  /** Null before the first batch. */
  async lastProgress(): Promise<StreamingQueryProgress | null> {
    return progressOf(await this.#ask({ lastProgress: true })).at(-1) ?? null;
  }

  /** Returns when all that was in the sources at the call is in the sink. Throws what ends the query before. */
  async processAllAvailable(): Promise<void> {
    await this.#ask({ processAllAvailable: true });
  }

  /** Ends the query; its checkpoint stays, and another start goes on from it. */
  async stop(): Promise<void> {
    await this.#ask({ stop: true });
    await this.#batches;
  }

  /** True when the query has ended, false when `timeoutMs` is over first. Throws what ended it. */
  async awaitTermination(timeoutMs?: number): Promise<boolean> {
    const { awaitTermination } = await this.#ask({
      awaitTermination: timeoutMs === undefined ? {} : { timeoutMs: String(timeoutMs) },
    });
    const terminated = awaitTermination?.terminated ?? false;
    if (!terminated) return false;
    const broken = await this.#batches;
    if (broken !== undefined) throw broken;
    return true;
  }

  /** What ended the query, or null while it runs and when it ended well. */
  async exception(): Promise<QuarryError | null> {
    const { exception } = await this.#ask({ exception: true });
    const message = exception?.exceptionMessage;
    if (message === undefined || message === '') return null;
    // Before the first ": " stands the name of a Java class.
    const text = message.slice(message.indexOf(': ') + 2);
    return new QuarryError('USER_CODE', text, {
      details: { errorClass: exception?.errorClass ?? 'STREAM_FAILED' },
    });
  }

  async explain(extended = false): Promise<string> {
    return (await this.#ask({ explain: { extended } })).explain?.result ?? '';
  }

  async #ask(command: Omit<StreamingQueryCommandInput, 'queryId'>): Promise<StreamingQueryCommandResult> {
    const queryId = { id: this.id, runId: this.runId };
    let answer: StreamingQueryCommandResult | undefined;
    for await (const response of this.#runner.execute({
      command: { streamingQueryCommand: { queryId, ...command } },
    })) {
      answer = response.streamingQueryCommandResult ?? answer;
    }
    if (answer === undefined) throw new QuarryError('INTERNAL', 'the server gave no answer about the query');
    return answer;
  }
}

function progressOf({ recentProgress }: StreamingQueryCommandResult): StreamingQueryProgress[] {
  return (recentProgress?.recentProgressJson ?? []).map((json) => JSON.parse(json) as StreamingQueryProgress);
}
