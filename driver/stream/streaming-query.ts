import type { StreamingQueryProgress, StreamingQueryStatus } from '../../common/stream/query-progress.ts';
import type { LogicalPlan } from '../plan/logical-plan.ts';

export type OutputMode = 'append' | 'update' | 'complete';

export type Trigger =
  | { readonly kind: 'processing-time'; readonly intervalMs: number }
  | { readonly kind: 'available-now' }
  | { readonly kind: 'once' };

/** What `writeStream` asked for, analysed. */
export interface StreamSpec {
  /** '' when the user gave none. Unique among a session's active queries. */
  readonly name: string;
  /** Has at least one `stream-source` leaf. */
  readonly plan: LogicalPlan;
  /** Lower case: parquet, redis, quarry-view, jdbc, kafka, quarry-log, console, memory, noop, foreach-batch. */
  readonly format: string;
  readonly path: string;
  readonly table: string;
  readonly options: Readonly<Record<string, string>>;
  readonly partitionBy: readonly string[];
  readonly outputMode: OutputMode;
  readonly trigger: Trigger;
  /** Of foreachBatch: gets every batch as a plan over its frozen rows. */
  readonly foreachBatch?: (batch: LogicalPlan, batchId: number) => Promise<void>;
  /** Called for rows of console sinks, already as text. */
  readonly print?: (text: string) => void;
  /** False: what an earlier run has written is gone with it, so that a checkpoint with batches cannot be gone on from. */
  readonly recoverable?: boolean;
  /** Called after each batch, and never throws: the client's listeners. */
  readonly onProgress?: (progress: StreamingQueryProgress) => void;
  /** Called when there has been nothing to do for a while, again and again. Never throws. */
  readonly onIdle?: (event: StreamIdle) => void;
}

export interface StreamIdle {
  readonly id: string;
  readonly runId: string;
  /** ISO, UTC. */
  readonly timestamp: string;
}

/** A started query. `id` lives as long as its checkpoint, `runId` as long as this run. */
export interface StreamingQuery {
  readonly id: string;
  readonly runId: string;
  readonly name: string;
  readonly sessionId: string;
  readonly isActive: boolean;
  readonly status: StreamingQueryStatus;
  /** The last ones, the newest last. */
  readonly recentProgress: readonly StreamingQueryProgress[];
  /** What ended it, when that was an error. */
  readonly exception: Error | undefined;
  /** Resolves when all that was in the sources at the call is committed. Throws what ends the query before. */
  processAllAvailable(): Promise<void>;
  /** Ends after the batch that runs, or by cancelling it; resolves when it has ended. */
  stop(): Promise<void>;
  /** False when the time is up. Throws what ended the query. */
  awaitTermination(timeoutMs?: number): Promise<boolean>;
  explain(extended: boolean): string;
}

export interface StreamContext {
  readonly sessionId: string;
  readonly timeZone: string;
  readonly conf: ReadonlyMap<string, string>;
}

/** All streaming queries of a driver. */
export interface StreamingQueries {
  /**
   * Starts the query, from its checkpoint when there is one. Errors: ANALYSIS (a mode or operator that streams do not support),
   * CHECKPOINT_MISMATCH (the checkpoint is of another query), TOPIC_NOT_FOUND, LOG_UNAVAILABLE, INVALID_ARGUMENT (no
   * checkpoint location, an option), STREAM_ACTIVE (its name or checkpoint is in use).
   */
  start(spec: StreamSpec, context: StreamContext): Promise<StreamingQuery>;
  /** Active ones and the ended ones of sessions that live. */
  find(id: string, runId?: string): StreamingQuery | undefined;
  active(sessionId?: string): readonly StreamingQuery[];
  /** Every query that is remembered, the newest last. */
  all(): readonly StreamingQuery[];
  /** Calls back when any query of the session ends. */
  awaitAny(sessionId: string, timeoutMs?: number): Promise<boolean>;
  resetTerminated(sessionId: string): void;
  /** Stops and forgets the session's queries. */
  closeSession(sessionId: string): Promise<void>;
  close(): Promise<void>;
}
