import { randomUUID } from 'node:crypto';
import type { LogicalPlan } from '../../../../driver/plan/logical-plan.ts';
import type { StreamingQueryProgress } from '../../../../common/stream/query-progress.ts';
import type {
  StreamContext,
  StreamingQueries,
  StreamingQuery,
  StreamSpec,
} from '../../../../driver/stream/streaming-query.ts';

/** A query that runs a batch when the test says so. */
export class FakeQuery implements StreamingQuery {
  readonly id = randomUUID();
  readonly runId = randomUUID();
  readonly spec: StreamSpec;
  readonly context: StreamContext;
  readonly recentProgress: StreamingQueryProgress[] = [];
  isActive = true;
  exception: Error | undefined;
  #ended: (() => void)[] = [];

  constructor(spec: StreamSpec, context: StreamContext) {
    this.spec = spec;
    this.context = context;
  }

  get name(): string {
    return this.spec.name;
  }
  get sessionId(): string {
    return this.context.sessionId;
  }
  get status() {
    return { message: 'Waiting for data to arrive', isDataAvailable: false, isTriggerActive: false };
  }

  async runBatch(batchId: number, plan: LogicalPlan): Promise<void> {
    try {
      await this.spec.foreachBatch?.(plan, batchId);
      const progress = {
        id: this.id,
        runId: this.runId,
        name: this.name || null,
        timestamp: '2026-01-01T00:00:00.000Z',
        batchId,
        batchDuration: 1,
        numInputRows: 3,
        inputRowsPerSecond: 3,
        processedRowsPerSecond: 3,
        durationMs: {},
        eventTime: {},
        stateOperators: [],
        sources: [],
        observedMetrics: {},
        sink: { description: 'Fake', numOutputRows: -1 },
      };
      this.recentProgress.push(progress);
      this.spec.onProgress?.(progress);
    } catch (thrown) {
      this.fail(thrown as Error);
    }
  }

  fail(error: Error | undefined): void {
    this.exception = error;
    this.isActive = false;
    for (const wake of this.#ended) wake();
    this.#ended = [];
  }

  async processAllAvailable(): Promise<void> {
    if (this.exception !== undefined) throw this.exception;
  }

  async stop(): Promise<void> {
    this.fail(undefined);
  }

  async awaitTermination(timeoutMs?: number): Promise<boolean> {
    if (this.isActive) {
      await new Promise<void>((resolve) => {
        this.#ended.push(resolve);
        if (timeoutMs !== undefined) setTimeout(resolve, timeoutMs);
      });
    }
    if (this.exception !== undefined) throw this.exception;
    return !this.isActive;
  }

  explain(extended: boolean): string {
    return extended ? 'long' : 'short';
  }
}

export class FakeQueries implements StreamingQueries {
  readonly started: FakeQuery[] = [];

  async start(spec: StreamSpec, context: StreamContext): Promise<FakeQuery> {
    const query = new FakeQuery(spec, context);
    this.started.push(query);
    return query;
  }
  find(id: string, runId?: string): FakeQuery | undefined {
    return this.started.find((query) => query.id === id && (runId === undefined || query.runId === runId));
  }
  all(): FakeQuery[] {
    return this.started;
  }
  active(sessionId?: string): FakeQuery[] {
    return this.started.filter(
      (query) => query.isActive && query.sessionId === (sessionId ?? query.sessionId),
    );
  }
  async awaitAny(_sessionId: string, timeoutMs?: number): Promise<boolean> {
    return Promise.race(this.started.map((query) => query.awaitTermination(timeoutMs)));
  }
  resetTerminated(): void {
    for (const query of this.started.filter(({ isActive }) => !isActive))
      this.started.splice(this.started.indexOf(query), 1);
  }
  async closeSession(sessionId: string): Promise<void> {
    await Promise.all(this.active(sessionId).map((query) => query.stop()));
  }
  async close(): Promise<void> {
    await Promise.all(this.started.map((query) => query.stop()));
  }
}
