import type { Attribute, Expression, LiteralValue, NamedExpression, SortOrder } from './expression.ts';
import type { SparkType, StructType } from './spark-type.ts';

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

/** A field of the JSON object in a record's value, read by the kernel while it loads the records; `id` is the attribute it becomes. */
export interface JsonColumn {
  readonly field: string;
  readonly attribute: Attribute;
}

/**
 * How an operator of a streaming query treats one hash partition: `fresh` makes rows of the state's form from the batch's, `merged`
 * joins them with the state, `result` is what goes on, `kept` what a snapshot of the state holds.
 */
export interface StatefulOperator {
  /** Its number in the query. */
  readonly number: number;
  readonly name: string;
  readonly keys: readonly Expression[];
  /** What its files hold, in their order. */
  readonly stored: readonly Attribute[];
  /** What each task makes of its own rows before they are exchanged. */
  before(input: LogicalPlan): LogicalPlan;
  fresh(input: LogicalPlan, state: LogicalPlan): LogicalPlan;
  /** What of `fresh` the batch adds to the state. */
  delta(fresh: LogicalPlan): LogicalPlan;
  merged(fresh: LogicalPlan, state: LogicalPlan): LogicalPlan;
  result(fresh: LogicalPlan, merged: LogicalPlan): LogicalPlan;
  kept(merged: LogicalPlan): LogicalPlan;
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
      /** Which source of a streaming query it is a part of. */
      readonly sourceId?: number;
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
      readonly json?: readonly JsonColumn[];
      /** Its place among the sources of a started query. */
      readonly sourceId?: number;
    }
  /** Records of a log. `output` is Kafka's: key, value, topic, partition, offset, timestamp, timestampType; pruned like a scan's. */
  | {
      readonly kind: 'log-scan';
      readonly output: readonly Attribute[];
      /** kafka://HOST:PORT,... or quarry-log://HOST:PORT */
      readonly url: string;
      /** Kafka's client settings; passwords are among them. */
      readonly settings: Readonly<Record<string, string>>;
      readonly ranges: readonly LogScanRange[];
      readonly json?: readonly JsonColumn[];
      /** Which source of a streaming query it is a part of. */
      readonly sourceId?: number;
    }
  /** Rows of text files (json, csv, text) that a stream has found; `columns` are those of the files. */
  | {
      readonly kind: 'text-scan';
      readonly output: readonly Attribute[];
      readonly format: string;
      readonly paths: readonly string[];
      readonly columns: readonly { readonly name: string; readonly type: SparkType }[];
      readonly options: Readonly<Record<string, string>>;
      /** Which source of a streaming query it is a part of. */
      readonly sourceId?: number;
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
  /** Made by the stream engine alone: `input` without its late rows; `watermark` is its number in the query. */
  | {
      readonly kind: 'on-time';
      readonly output: readonly Attribute[];
      readonly input: LogicalPlan;
      readonly columnId: number;
      readonly delayMs: number;
      readonly watermark: number;
      /** False keeps late rows: only the highest event time is of interest. */
      readonly drop: boolean;
    }
  /** Made by the stream engine alone: what a stateful operator makes of a batch and of what it keeps. */
  | {
      readonly kind: 'stateful';
      readonly output: readonly Attribute[];
      readonly input: LogicalPlan;
      readonly operator: StatefulOperator;
    }
  /** Made by the stream engine alone: the state of an operator before the batch, each task its own partition. */
  | { readonly kind: 'state-read'; readonly output: readonly Attribute[]; readonly operator: number }
  /** Made by the stage planner alone: the rows of an earlier step of the same task. */
  | { readonly kind: 'step-read'; readonly output: readonly Attribute[]; readonly table: string }
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

/** The kinds of plans without inputs. */
export const LEAF_KINDS = [
  'scan',
  'local',
  'range',
  'one-row',
  'exchange-read',
  'step-read',
  'state-read',
  'stream-source',
  'log-scan',
  'text-scan',
] as const;

export type PlanLeaf = Extract<LogicalPlan, { kind: (typeof LEAF_KINDS)[number] }>;

export function isLeaf(plan: LogicalPlan): plan is PlanLeaf {
  return (LEAF_KINDS as readonly string[]).includes(plan.kind);
}
