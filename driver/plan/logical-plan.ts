import type { Attribute, Expression, LiteralValue, NamedExpression, SortOrder } from './expression.ts';
import type { StructType } from './spark-type.ts';

/** One Parquet file of a scan, with the values that Hive-style directories give it. */
export interface ScanFile {
  readonly path: string;
  readonly inodeId: number;
  readonly generation: number;
  readonly lengthBytes: number;
  readonly partitionValues: readonly (string | null)[];
}

/** `from` is inclusive, `until` exclusive. */
export interface LogScanRange {
  readonly topic: string;
  readonly partition: number;
  readonly from: number;
  readonly until: number;
}

export type JoinType = 'inner' | 'left' | 'right' | 'full' | 'semi' | 'anti' | 'cross';

/**
 * A resolved, frozen logical plan. `output` is what a node makes, in order. Names matter only at the root: within
 * a plan, columns are attribute ids. A leaf has no `input`/`inputs`/`left`.
 */
export type LogicalPlan =
  | {
      readonly kind: 'scan';
      readonly output: readonly Attribute[];
      /** 'parquet' reads files; 'file:' paths are on the driver's host and run where they are visible. */
      readonly format: 'parquet';
      readonly files: readonly ScanFile[];
      /** How many of the last attributes of `output` come from directory names, in the order of `partitionValues`. */
      readonly partitionColumnCount: number;
      /** The files' own schema, for columns that `output` renames or a later schema lacks. */
      readonly fileSchema: StructType;
      /** Names inside the files by attribute id, where `output` calls a column otherwise. */
      readonly fileColumns?: ReadonlyMap<number, string>;
      /** Which of `partitionValues` the partition columns of a pruned `output` are; all in order when absent. */
      readonly partitionIndexes?: readonly number[];
    }
  | {
      readonly kind: 'local';
      readonly output: readonly Attribute[];
      readonly rows: readonly (readonly LiteralValue[])[];
      readonly arrowIpc: Uint8Array | undefined;
    }
  | {
      readonly kind: 'range';
      readonly output: readonly Attribute[];
      readonly start: bigint;
      readonly end: bigint;
      readonly step: bigint;
      readonly partitions: number | undefined;
    }
  | { readonly kind: 'one-row'; readonly output: readonly Attribute[] }
  /** A source that grows. The stream engine replaces it, batch by batch, with a leaf over the batch's part of it. */
  | {
      readonly kind: 'stream-source';
      readonly output: readonly Attribute[];
      /** Lower case: kafka, quarry-log, rate, or a file format with `path` among the options. */
      readonly format: string;
      readonly options: Readonly<Record<string, string>>;
      /** What the user gave with `schema(...)`; files have no other. */
      readonly userSchema: StructType | undefined;
    }
  /** Records of a log. `output` is Kafka's: key, value, topic, partition, offset, timestamp, timestampType; pruned like a scan's. */
  | {
      readonly kind: 'log-scan';
      readonly output: readonly Attribute[];
      /** kafka://HOST:PORT,... or quarry-log://HOST:PORT */
      readonly url: string;
      readonly ranges: readonly LogScanRange[];
    }
  /** `column` of `input` is the event time; rows later than `delayMs` behind the highest before them in their partition are late. */
  | {
      readonly kind: 'watermark';
      readonly output: readonly Attribute[];
      readonly input: LogicalPlan;
      readonly columnId: number;
      readonly delayMs: number;
    }
  /** dropDuplicates: the first row of each value of `keyIds` goes through. */
  | {
      readonly kind: 'deduplicate';
      readonly output: readonly Attribute[];
      readonly input: LogicalPlan;
      readonly keyIds: readonly number[];
      /** dropDuplicatesWithinWatermark: a key is forgotten when its event time plus the delay is behind the watermark. */
      readonly withinWatermark: boolean;
    }
  /** Made by the stage planner alone: the output of another stage. */
  | { readonly kind: 'exchange-read'; readonly output: readonly Attribute[]; readonly exchangeId: number }
  | {
      readonly kind: 'project';
      readonly output: readonly Attribute[];
      readonly input: LogicalPlan;
      readonly columns: readonly NamedExpression[];
      /** Columns of `input` that a USING join leaves out but that can still be named: `df2.id` after `df1.join(df2, 'id')`. */
      readonly hidden?: readonly Attribute[];
    }
  | {
      readonly kind: 'filter';
      readonly output: readonly Attribute[];
      readonly input: LogicalPlan;
      readonly condition: Expression;
    }
  | {
      readonly kind: 'aggregate';
      readonly output: readonly Attribute[];
      readonly input: LogicalPlan;
      /** Grouping expressions; empty for one global row. */
      readonly groupBy: readonly Expression[];
      /** What comes out: expressions over grouping expressions and aggregates. */
      readonly columns: readonly NamedExpression[];
    }
  | {
      readonly kind: 'join';
      readonly output: readonly Attribute[];
      readonly left: LogicalPlan;
      readonly right: LogicalPlan;
      readonly type: JoinType;
      readonly condition: Expression | undefined;
    }
  | {
      readonly kind: 'sort';
      readonly output: readonly Attribute[];
      readonly input: LogicalPlan;
      readonly orders: readonly SortOrder[];
      readonly global: boolean;
    }
  | {
      readonly kind: 'limit';
      readonly output: readonly Attribute[];
      readonly input: LogicalPlan;
      readonly limit: number | undefined;
      readonly offset: number;
    }
  | {
      readonly kind: 'tail';
      readonly output: readonly Attribute[];
      readonly input: LogicalPlan;
      readonly limit: number;
    }
  | { readonly kind: 'distinct'; readonly output: readonly Attribute[]; readonly input: LogicalPlan }
  | {
      readonly kind: 'set-operation';
      readonly output: readonly Attribute[];
      readonly inputs: readonly LogicalPlan[];
      readonly operation: 'union' | 'intersect' | 'except';
      readonly all: boolean;
    }
  | {
      readonly kind: 'sample';
      readonly output: readonly Attribute[];
      readonly input: LogicalPlan;
      readonly lower: number;
      readonly upper: number;
      readonly seed: number;
    };

export type PlanLeaf = Extract<
  LogicalPlan,
  { kind: 'scan' | 'local' | 'range' | 'one-row' | 'exchange-read' | 'stream-source' | 'log-scan' }
>;
