import type { WireError } from '../../common/quarry-error.ts';
import type { MapOutput } from '../../proto/gen/quarry/MapOutput.ts';
import type { ShuffleInputInput } from '../../proto/gen/quarry/ShuffleInput.ts';
import type { TaskMetrics } from '../../proto/gen/quarry/TaskMetrics.ts';
import type { ExecutorSpec, JobSpec, TaskSpec } from './job-graph.ts';
import type { JobOutcome } from './job-runner.ts';

/** One attempt of one task. */
export interface AttemptId {
  readonly jobId: string;
  readonly stage: number;
  readonly partition: number;
  readonly attempt: number;
}

/** What happened. The scheduler learns of the world through these alone. */
export type SchedulerEvent =
  | { readonly kind: 'executor-registered'; readonly executor: ExecutorSpec }
  /** Its process has gone, or is not heard of: its tasks and its shuffle files are lost. */
  | { readonly kind: 'executor-lost'; readonly executorId: string; readonly reason: string }
  | { readonly kind: 'job-submitted'; readonly job: JobSpec }
  | { readonly kind: 'job-cancelled'; readonly jobId: string; readonly error: WireError }
  | {
      readonly kind: 'task-finished';
      readonly id: AttemptId;
      readonly metrics: TaskMetrics | undefined;
      readonly mapOutput: MapOutput | undefined;
      readonly result: unknown;
    }
  | { readonly kind: 'task-failed'; readonly id: AttemptId; readonly error: WireError }
  /** Time has passed. */
  | { readonly kind: 'tick' };

/** What is to be done, in this order. */
export type SchedulerDecision =
  | {
      readonly kind: 'launch';
      readonly id: AttemptId;
      readonly executor: ExecutorSpec;
      readonly task: TaskSpec;
      readonly shuffles: readonly ShuffleInputInput[];
      /** Of the shuffle output; 0 without one. */
      readonly outputPartitions: number;
      /** The attempt's batches are the job's. */
      readonly isResult: boolean;
    }
  | { readonly kind: 'cancel'; readonly id: AttemptId }
  /** This attempt's batches are the partition's; those of its other attempts are dropped. */
  | { readonly kind: 'accept'; readonly id: AttemptId }
  /** The task will be tried again: what this attempt sent is dropped. */
  | { readonly kind: 'discard'; readonly id: AttemptId; readonly error: WireError }
  | { readonly kind: 'finish-job'; readonly jobId: string; readonly outcome: JobOutcome }
  | { readonly kind: 'fail-job'; readonly jobId: string; readonly error: WireError }
  /** Executors forget what they hold of the job. */
  | { readonly kind: 'remove-job'; readonly jobId: string; readonly executors: readonly ExecutorSpec[] };

export interface SchedulerOptions {
  readonly localityWaitMs: number;
  readonly taskAttemptsMax: number;
  /** 0: never. */
  readonly speculationMultiplier: number;
  /** A job without a single executor fails after that long. */
  readonly executorWaitMs: number;
}
