/** What a streaming query did in one batch, as `StreamingQueryProgress` of Spark 4: the JSON that PySpark parses is `JSON.stringify` of this. */
export interface StreamingQueryProgress {
  readonly id: string;
  readonly runId: string;
  readonly name: string | null;
  /** ISO, UTC: when the batch began. */
  readonly timestamp: string;
  readonly batchId: number;
  /** Milliseconds. */
  readonly batchDuration: number;
  readonly numInputRows: number;
  readonly inputRowsPerSecond: number;
  readonly processedRowsPerSecond: number;
  /** Milliseconds by phase: triggerExecution, latestOffset, walCommit, getBatch, queryPlanning, addBatch, commitOffsets. */
  readonly durationMs: Readonly<Record<string, number>>;
  /** max, min, avg and watermark: ISO times. Empty without a watermark. */
  readonly eventTime: Readonly<Record<string, string>>;
  readonly stateOperators: readonly StateOperatorProgress[];
  readonly sources: readonly SourceProgress[];
  readonly sink: { readonly description: string; readonly numOutputRows: number };
  readonly observedMetrics: Readonly<Record<string, unknown>>;
}

export interface StateOperatorProgress {
  readonly operatorName: string;
  readonly numRowsTotal: number;
  readonly numRowsUpdated: number;
  readonly numRowsRemoved: number;
  readonly allUpdatesTimeMs: number;
  readonly allRemovalsTimeMs: number;
  readonly commitTimeMs: number;
  readonly memoryUsedBytes: number;
  readonly numRowsDroppedByWatermark: number;
  readonly numShufflePartitions: number;
  readonly numStateStoreInstances: number;
  /** On a Quarry cluster `lateRowsTotal`: rows dropped as late since the query's first start, counted once however often a batch is run. */
  readonly customMetrics: Readonly<Record<string, number>>;
}

export interface SourceProgress {
  readonly description: string;
  /** The offsets as an object: {topic: {partition: offset}}. */
  readonly startOffset: unknown;
  readonly endOffset: unknown;
  readonly latestOffset: unknown;
  readonly numInputRows: number;
  readonly inputRowsPerSecond: number;
  readonly processedRowsPerSecond: number;
  /** minOffsetsBehindLatest, maxOffsetsBehindLatest, avgOffsetsBehindLatest of a log. */
  readonly metrics: Readonly<Record<string, string>>;
}

export interface StreamingQueryStatus {
  readonly message: string;
  readonly isDataAvailable: boolean;
  readonly isTriggerActive: boolean;
}
