import { QuarryError } from '../../common/quarry-error.ts';
import type { Clock, Timer } from '../../common/seams/clock.ts';
import type { ExecutePlanResponseInput } from '../../proto/gen/spark/connect/ExecutePlanResponse.ts';
import type { SessionOperation } from '../session/session.ts';
import type { JobProgress } from '../schedule/job-runner.ts';
import { encodeResponse } from './connect-protocol.ts';
import { type KeptResponse, ResponseLog } from './response-log.ts';

/** What an execution answers, without the ids that every response carries. */
export type ResponseBody = Omit<
  ExecutePlanResponseInput,
  'sessionId' | 'serverSideSessionId' | 'operationId' | 'responseId'
>;

/** An execution without a reader is given up after that long, as in Spark. */
const DETACHED_MS_MAX = 5 * 60 * 1000;
/** Short jobs send no progress. */
const PROGRESS_INTERVAL_MS = 500;

export interface OperationOptions {
  readonly sessionId: string;
  readonly serverSideSessionId: string;
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly isReattachable: boolean;
  readonly clock: Clock;
  /** Called once, when nothing of it is kept any more; `abandoned` when nobody came for it. */
  readonly onClosed: (abandoned: boolean) => void;
}

/** One ExecutePlan from its request to its release: runs on its own, whoever reads. */
export class Operation implements SessionOperation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly isReattachable: boolean;
  readonly #options: OperationOptions;
  readonly #log: ResponseLog;
  readonly #controller = new AbortController();
  #progressMs: number;
  #readers = 0;
  #detached: Timer | undefined;
  #closed = false;

  constructor(options: OperationOptions) {
    this.#options = options;
    this.operationId = options.operationId;
    this.tags = options.tags;
    this.isReattachable = options.isReattachable;
    this.#log = new ResponseLog(options.isReattachable);
    this.#progressMs = options.clock.monoMs();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get isRunning(): boolean {
    return !this.#log.hasEnded;
  }

  /** Runs to the end; never rejects, its error goes to the readers. */
  async run(produce: () => AsyncIterable<ResponseBody>): Promise<void> {
    try {
      for await (const body of produce()) {
        await this.#append(body);
        if (this.#log.hasEnded) return;
      }
      if (this.isReattachable) await this.#append({ resultComplete: {} });
      this.#log.end();
    } catch (thrown) {
      // Kept as the cause: an error that is no QuarryError is a bug, and whoever answers a reader logs it.
      this.#log.end(QuarryError.from(thrown));
    }
  }

  /** The responses after the last one that a reader has. When a reader of a non-reattachable operation leaves, the operation ends. */
  async *read(
    lastResponseId: string | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<KeptResponse, void, undefined> {
    this.#readers += 1;
    this.#detached?.cancel();
    try {
      yield* this.#log.read(lastResponseId, signal);
    } finally {
      this.#readers -= 1;
      if (this.#readers === 0 && !this.#closed) this.#readerLeft();
    }
  }

  /** Tells the client how far the job is, when it runs long enough for somebody to wonder and the client keeps up. */
  progress(job: JobProgress): void {
    const nowMs = this.#options.clock.monoMs();
    if (nowMs - this.#progressMs < PROGRESS_INTERVAL_MS || this.#log.isBehind) return;
    this.#progressMs = nowMs;
    // Does not wait for room: it is sent only when nothing is waiting.
    void this.#append({ executionProgress: progressBody(job) });
  }

  interrupt(): void {
    this.#log.end(new QuarryError('INTERRUPTED', `operation ${this.operationId} was interrupted`));
    this.#controller.abort();
  }

  releaseUntil(responseId: string): void {
    this.#log.releaseUntil(responseId);
  }

  close(): void {
    this.#close(false);
  }

  #close(abandoned: boolean): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#detached?.cancel();
    this.interrupt();
    this.#options.onClosed(abandoned);
  }

  #readerLeft(): void {
    if (!this.isReattachable) this.close();
    else this.#detached = this.#options.clock.setTimer(DETACHED_MS_MAX, () => this.#close(true));
  }

  #append(body: ResponseBody): Promise<void> {
    const { sessionId, serverSideSessionId, operationId } = this.#options;
    const responseId = this.#log.nextId(operationId);
    const bytes = encodeResponse({ ...body, sessionId, serverSideSessionId, operationId, responseId });
    return this.#log.append({ responseId, bytes });
  }
}

function progressBody(job: JobProgress): NonNullable<ResponseBody['executionProgress']> {
  return {
    numInflightTasks: job.stages.reduce((sum, { running }) => sum + running, 0),
    stages: job.stages.map(({ stage, tasks, finished, bytesRead }) => ({
      stageId: stage,
      numTasks: tasks,
      numCompletedTasks: finished,
      inputBytesRead: bytesRead,
      done: finished === tasks,
    })),
  };
}
