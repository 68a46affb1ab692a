import type { QueryBatch, QueryContext } from '../schedule/query-runner.ts';

/** Plans and runs RDD plans (proto/quarry/rdd.proto). */
export interface RddRunner {
  /**
   * `plan` is the value of the google.protobuf.Any with RDD_PLAN_TYPE_URL (common/rdd/rdd-plan.ts). Rows come as Arrow batches with one non-null string column `value`, a JSON text each
   * (common/rdd/value-codec.ts); at least one batch, for a command an empty one. Stopping early cancels the job.
   * Errors: as JobRunner.run, INVALID_ARGUMENT for a malformed plan, FILE_NOT_FOUND, FILE_EXISTS (a save's target).
   */
  run(plan: Buffer, context: QueryContext): AsyncIterable<QueryBatch>;
}
