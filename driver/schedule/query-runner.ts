import type { LogicalPlan } from '../plan/logical-plan.ts';
import type { JobProgress } from './job-runner.ts';

/** Who asks, and with which session settings. */
export interface QueryContext {
  readonly sessionId: string;
  readonly operationId: string;
  /** What people read in `quarry jobs`: the SQL text, or the action. */
  readonly jobName: string;
  /** An IANA zone: `spark.sql.session.timeZone`. */
  readonly timeZone: string;
  /** `spark.*` settings of the session. */
  readonly conf: ReadonlyMap<string, string>;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: JobProgress) => void) | undefined;
}

/** One complete Arrow IPC stream: schema, one record batch, end. */
export interface QueryBatch {
  readonly arrowIpc: Buffer;
  readonly rowCount: number;
}

export type SaveMode = 'append' | 'overwrite' | 'errorifexists' | 'ignore';

export interface WriteTarget {
  /** As the user wrote it: /a, hdfs://HOST:PORT/a or file:///a (executors' host). */
  readonly path: string;
  readonly format: 'parquet';
  readonly mode: SaveMode;
  readonly partitionBy: readonly string[];
  /** Spark's writer options; `compression` and `quarry.blockSizeBytes` are read. */
  readonly options: Readonly<Record<string, string>>;
}

export interface WriteSummary {
  readonly files: number;
  readonly rowCount: number;
  readonly lengthBytes: number;
}

/** Plans, runs and commits queries. The analyzed plan goes in, Arrow comes out. */
export interface QueryRunner {
  /**
   * The rows of `plan` in its order, in at least one batch (an empty one when there are no rows). Stopping early cancels.
   * Errors: as JobRunner.run, and FILE_NOT_FOUND or BAD_DATA for files that vanished or changed since analysis.
   */
  run(plan: LogicalPlan, context: QueryContext): AsyncIterable<QueryBatch>;
  /**
   * Writes the rows of `plan` under `target.path`: everything appears in one commit, or nothing does.
   * Errors: as `run`, and FILE_EXISTS (errorifexists), UNSUPPORTED (format, mode).
   */
  write(plan: LogicalPlan, target: WriteTarget, context: QueryContext): Promise<WriteSummary>;
}
