import type { RddFunction } from '../../proto/gen/quarry/RddFunction.ts';
import type { SqlTaskInput } from '../../proto/gen/quarry/SqlTask.ts';

/** One task of an RDD job as the driver plans it and an executor runs it: records come in, pass the steps, go out. */
export interface RddTask {
  readonly source: RddSource;
  readonly steps: readonly RddStep[];
  readonly sink: RddSink;
}

export type RddSource =
  /** The lines that start in this range of a file; the last may end behind it. */
  | {
      readonly kind: 'lines';
      readonly format: 'text' | 'json';
      readonly path: string;
      readonly offsetBytes: number;
      readonly lengthBytes: number;
    }
  | { readonly kind: 'values'; readonly values: readonly string[] }
  /** The rows of a query whose result is Arrow. */
  | { readonly kind: 'sql'; readonly task: SqlTaskInput }
  /** This task's partition of a parent stage's output. */
  | { readonly kind: 'shuffle'; readonly stage: number; readonly merge: RddMerge }
  | { readonly kind: 'join'; readonly left: number; readonly right: number; readonly type: RddJoinType };

export type RddJoinType = 'inner' | 'left' | 'right' | 'full';

/** What becomes of the records of one partition of a shuffle, in the order of the map tasks. */
export type RddMerge =
  | { readonly kind: 'concat' | 'group' | 'distinct' }
  | { readonly kind: 'reduce'; readonly function: RddFunction }
  | { readonly kind: 'sort'; readonly function: RddFunction; readonly descending: boolean };

export interface RddStep {
  readonly kind:
    | 'map'
    | 'filter'
    | 'flatMap'
    | 'mapPartitions'
    | 'keyBy'
    | 'mapValues'
    | 'flatMapValues'
    /** All records of the partition become one; none stay none. */
    | 'reduce'
    /** Called for its effect; no record goes on. */
    | 'foreach';
  readonly function: RddFunction;
}

export type RddSink =
  | { readonly kind: 'rows'; readonly limit: number | undefined }
  /** The task answers { count }. */
  | { readonly kind: 'count' }
  | {
      readonly kind: 'shuffle';
      /** pair: by the first of two; record: by all of it; turn: one after the other; first: all to partition 0. */
      readonly by: 'pair' | 'record' | 'turn' | 'first';
      readonly partitions: number;
      /** What is done already before records leave: values of a key reduced, or equal records dropped. */
      readonly combine: RddCombine | undefined;
    }
  /** One file of lines. The task answers RddFileResult. */
  | { readonly kind: 'file'; readonly format: 'text' | 'json'; readonly path: string };

export type RddCombine =
  | { readonly kind: 'reduce'; readonly function: RddFunction }
  | { readonly kind: 'distinct' };

export interface RddCountResult {
  readonly count: number;
}

export interface RddFileResult {
  readonly path: string;
  readonly rowCount: number;
  readonly lengthBytes: number;
}
