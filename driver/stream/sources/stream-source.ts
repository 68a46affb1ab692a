import type { LogicalPlan } from '../../plan/logical-plan.ts';
import type { SourceLeaf } from '../compile-query.ts';

/** Where a source is: JSON that goes into the offset log as it is. */
export type SourceOffset = unknown;

export interface BatchLimits {
  /** False for a batch that takes whatever there is: the trigger `once`. */
  readonly limited: boolean;
}

/** One source of a streaming query, as the driver plans its batches. It reads no record itself. */
export interface StreamSource {
  readonly description: string;
  /** Where the query begins when it has no checkpoint. Errors: TOPIC_NOT_FOUND, LOG_UNAVAILABLE, INVALID_ARGUMENT. */
  initial(): Promise<SourceOffset>;
  /** Before the first `latest` of a run: the ends of all batches that the offset log still has. */
  restore?(ends: readonly SourceOffset[]): Promise<void>;
  /** What is there now, seen from `position`. Errors: LOG_UNAVAILABLE, and OFFSET_OUT_OF_RANGE where failOnDataLoss is true. */
  latest(position: SourceOffset): Promise<SourceOffset>;
  /** As `latest`, of what `target` had alone: a run that ends there. Without it, `target` itself. */
  upTo?(position: SourceOffset, target: SourceOffset): Promise<SourceOffset>;
  /** The end of the next batch: at most `latest`. */
  end(start: SourceOffset, latest: SourceOffset, limits: BatchLimits): SourceOffset;
  isEmpty(start: SourceOffset, end: SourceOffset): boolean;
  /** The leaf over the batch, with the columns of `leaf`. May be async: a replayed batch may have lost records (failOnDataLoss). */
  bind(leaf: SourceLeaf, start: SourceOffset, end: SourceOffset): Promise<LogicalPlan>;
  /** Rows of the batch where they are known without reading. */
  rows(start: SourceOffset, end: SourceOffset): number | undefined;
  /** An offset as progress reports have it, where that is not the offset itself. */
  shown?(offset: SourceOffset): unknown;
  metrics(end: SourceOffset, latest: SourceOffset): Record<string, string>;
  /** Partitions of the batch for the watermark, as `rangeKey` has them: whether they have anything, and anything unread. */
  partitions(end: SourceOffset, latest: SourceOffset): readonly SourcePartition[];
  /** The batch is committed: what only older ones need may go. */
  committed(end: SourceOffset): Promise<void>;
  close(): Promise<void>;
}

export interface SourcePartition {
  /** '' for a source that is one sequence. */
  readonly key: string;
  readonly hasRecords: boolean;
  readonly hasUnread: boolean;
}
