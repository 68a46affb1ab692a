import type { SqlTaskInput } from '../../proto/gen/quarry/SqlTask.ts';

/**
 * A job as the scheduler sees it: stages of tasks, each stage after its parents. The scheduler looks at no payload; what a
 * task does is between whoever planned it and the runner of its kind in the executor.
 */
export interface JobSpec {
  readonly jobId: string;
  /** What people read in `quarry jobs`. */
  readonly name: string;
  readonly sessionId: string;
  readonly operationId: string;
  /** Parents come before their children. The last stage is the one whose output is the job's. */
  readonly stages: readonly StageSpec[];
}

export interface StageSpec {
  /** Unique in its job; the stage's place in `stages`. */
  readonly id: number;
  readonly parents: readonly number[];
  /** Shown beside the stage: 'scan sales, partial aggregate'. */
  readonly label: string;
  /** Tasks in the order of their `partition`, which counts from 0. */
  readonly tasks: readonly TaskSpec[];
  readonly output: StageOutput;
}

export type StageOutput =
  /** Every task writes one shuffle file with this many partitions. */
  | { readonly kind: 'shuffle'; readonly partitions: number }
  /** Batches stream to the caller in the order of the tasks' partitions. */
  | { readonly kind: 'result' }
  /** Tasks write files and answer with what they wrote; the caller commits. */
  | { readonly kind: 'file' };

export interface TaskSpec {
  readonly partition: number;
  /** Host labels, the best first. Empty: anywhere. */
  readonly preferredNodes: readonly string[];
  readonly work: TaskWork;
  /** Which partitions of which parents it reads; the scheduler adds where they are. */
  readonly inputs: readonly TaskInput[];
  /** Bytes of a distributed file that the task reads. A task without any has no locality to record. */
  readonly scanBytes: number;
}

export type TaskWork =
  | { readonly kind: 'sql'; readonly sql: SqlTaskInput }
  /** JSON of the RDD layer, handed to the RDD runner of the executor as it is. */
  | { readonly kind: 'rdd'; readonly rdd: string };

export interface TaskInput {
  readonly stage: number;
  /** Empty: every partition. */
  readonly partitions: readonly number[];
}

/** An executor as it registered. `id` names it in cluster.json; `incarnation` its process. */
export interface ExecutorSpec {
  readonly id: string;
  readonly incarnation: string;
  readonly node: string;
  readonly taskAddress: string;
  readonly shuffleAddress: string;
  readonly slots: number;
}
