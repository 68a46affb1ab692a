import type { JobSpec } from './job-graph.ts';

/** One batch of a job's result, of which partition of the last stage, and how many rows it has. */
export interface JobBatch {
  readonly partition: number;
  readonly data: Buffer;
  readonly rowCount: number;
}

/** What a finished job leaves besides its batches: the JSON that each task of the last stage answered with, by partition. */
export interface JobOutcome {
  readonly results: readonly unknown[];
  /** The same of every stage, by stage and partition: what its steps observed and wrote. */
  readonly stages: readonly (readonly unknown[])[];
}

export interface RunJobOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called when tasks start and end. Must not throw. */
  readonly onProgress?: ((progress: JobProgress) => void) | undefined;
}

export interface JobProgress {
  readonly jobId: string;
  readonly stages: readonly StageProgress[];
}

export interface StageProgress {
  readonly stage: number;
  readonly label: string;
  readonly tasks: number;
  readonly finished: number;
  readonly running: number;
  readonly failed: number;
  readonly rowsRead: number;
  readonly bytesRead: number;
}

/** Runs jobs of any kind on the executors. */
export interface JobRunner {
  /**
   * Batches of the last stage in the order of its partitions; the generator's return value is the outcome. Each task's batches
   * appear once, whatever was retried. Leaving the loop early or aborting the signal cancels the job.
   * Errors: what a task failed with (USER_CODE, ARITHMETIC, BAD_DATA, OUT_OF_MEMORY ...), EXECUTOR_LOST or
   * SHUFFLE_LOST when attempts ran out, NO_EXECUTORS, INTERRUPTED.
   */
  run(job: JobSpec, options: RunJobOptions): AsyncGenerator<JobBatch, JobOutcome, undefined>;
}
