import type { Column } from '../../../proto/gen/quarry/Column.ts';
import type { FileOutputInput } from '../../../proto/gen/quarry/FileOutput.ts';
import type { StageOutput } from '../../schedule/job-graph.ts';
import type { QueryBatch } from '../../schedule/query-runner.ts';

export interface SinkBatch {
  readonly batchId: number;
  /** Of the run: it rises with every start of the query. */
  readonly epoch: number;
}

/** What the job of a batch leaves for the sink. */
export interface BatchRows {
  readonly batches: readonly QueryBatch[];
  readonly rowCount: number;
  /** JSON answers of the last stage's tasks: the files that they wrote. */
  readonly results: readonly unknown[];
}

/** How the last stage of a batch's job hands its rows over. */
export interface SinkOutput {
  readonly output: StageOutput;
  readonly label: string;
  wrap(fragment: string): string;
  task(
    partition: number,
  ): { readonly result: { readonly columns: Column[] } } | { readonly file: FileOutputInput };
}

/**
 * Takes each batch exactly once: `add` of a batch that it has already is nothing. An error whose reaction is `retry` leaves it as it
 * was, and the same batch is added again.
 */
export interface StreamSink {
  readonly description: string;
  /** Before the first batch of a run. */
  open?(): Promise<void>;
  /** Prepares the job of a batch. */
  output(batch: SinkBatch): Promise<SinkOutput>;
  /** Returns how many rows it took, or -1 where it does not know. */
  add(batch: SinkBatch, rows: BatchRows): Promise<number>;
  /** The batch will not be added: takes away what its job has left. */
  abandon?(batch: SinkBatch): Promise<void>;
  close(): Promise<void>;
}
