import type { JoinType } from './logical-plan.ts';
import type { Attribute, LiteralValue } from './expression.ts';
import type { SparkType, StructType } from './spark-type.ts';

/** What a client or a SQL text says, before names and types are known. Both doors make this form; the analyzer reads only this. */
export type UnresolvedExpression =
  | { readonly kind: 'attribute'; readonly parts: readonly string[]; readonly planId: number | undefined }
  | {
      readonly kind: 'star';
      readonly qualifier: readonly string[] | undefined;
      readonly planId: number | undefined;
      readonly except?: readonly string[];
    }
  | { readonly kind: 'regex'; readonly pattern: string; readonly planId: number | undefined }
  | { readonly kind: 'literal'; readonly value: LiteralValue; readonly type: SparkType }
  | { readonly kind: 'alias'; readonly input: UnresolvedExpression; readonly names: readonly string[] }
  | {
      readonly kind: 'cast';
      readonly input: UnresolvedExpression;
      readonly type: SparkType;
      readonly try: boolean;
    }
  | {
      readonly kind: 'function';
      readonly name: string;
      readonly args: readonly UnresolvedExpression[];
      readonly distinct: boolean;
      readonly filter?: UnresolvedExpression;
      readonly ignoreNulls?: boolean;
    }
  | { readonly kind: 'sql-text'; readonly text: string }
  | {
      readonly kind: 'window';
      readonly input: UnresolvedExpression;
      readonly partitionBy: readonly UnresolvedExpression[];
      readonly orderBy: readonly UnresolvedOrder[];
      readonly frame: WindowFrame | undefined;
    }
  | { readonly kind: 'extract'; readonly input: UnresolvedExpression; readonly key: UnresolvedExpression }
  | { readonly kind: 'lambda'; readonly parameters: readonly string[]; readonly body: UnresolvedExpression }
  | { readonly kind: 'variable'; readonly name: string }
  /** `withField`, or `dropFields` when there is no value. */
  | {
      readonly kind: 'update-field';
      readonly input: UnresolvedExpression;
      readonly path: readonly string[];
      readonly value: UnresolvedExpression | undefined;
    }
  | {
      readonly kind: 'subquery';
      readonly mode: 'scalar' | 'exists' | 'in';
      readonly plan: UnresolvedRelation;
      /** The left side of IN. */
      readonly values: readonly UnresolvedExpression[];
    }
  /** A column that is known already: what a star or a position in ORDER BY stands for. */
  | { readonly kind: 'resolved'; readonly attribute: Attribute }
  /** A sort order where an expression stands; the analyzer takes it apart in `sort` and refuses it elsewhere. */
  | { readonly kind: 'order'; readonly order: UnresolvedOrder };

export interface UnresolvedOrder {
  readonly input: UnresolvedExpression;
  readonly ascending: boolean;
  /** Undefined means Spark's default: first when ascending, last when descending. */
  readonly nullsFirst: boolean | undefined;
}

export interface WindowFrame {
  readonly unit: 'rows' | 'range';
  readonly lower: WindowBound;
  readonly upper: WindowBound;
}

/** A number of rows (negative is before), or an end. */
export type WindowBound = 'unbounded' | 'current-row' | UnresolvedExpression;

export type GroupType = 'group-by' | 'rollup' | 'cube' | 'grouping-sets' | 'pivot';

/** Values for `:name` and `?` in a SQL text. */
export interface SqlParameters {
  readonly named: Readonly<Record<string, UnresolvedExpression>>;
  readonly positional: readonly UnresolvedExpression[];
}

/** A relation, with the client's plan id: attributes that name a data frame carry it. */
export type UnresolvedRelation = UnresolvedNode & { readonly planId: number | undefined };

export type UnresolvedNode =
  | {
      readonly kind: 'read';
      readonly format: string;
      readonly paths: readonly string[];
      readonly options: Readonly<Record<string, string>>;
      readonly schema: string | undefined;
      /** Of `read.jdbc`: a part of the result each. */
      readonly predicates?: readonly string[];
      /** `readStream`: a source that grows. */
      readonly streaming?: boolean;
    }
  | { readonly kind: 'table'; readonly name: readonly string[]; readonly streaming?: boolean }
  /** Rows that the server keeps under an id: a batch of a stream, for the function that takes it. */
  | { readonly kind: 'cached-remote'; readonly id: string }
  | {
      readonly kind: 'sql';
      readonly text: string;
      readonly parameters: SqlParameters;
    }
  | { readonly kind: 'local'; readonly arrowIpc: Uint8Array | undefined; readonly schema: string | undefined }
  | { readonly kind: 'cached-local'; readonly hash: string }
  | { readonly kind: 'chunked-local'; readonly dataHashes: readonly string[]; readonly schemaHash: string }
  | { readonly kind: 'values'; readonly rows: readonly (readonly UnresolvedExpression[])[] }
  | {
      readonly kind: 'range';
      readonly start: bigint;
      readonly end: bigint;
      readonly step: bigint;
      readonly partitions: number | undefined;
    }
  | { readonly kind: 'one-row' }
  | {
      readonly kind: 'project';
      readonly input: UnresolvedRelation;
      readonly columns: readonly UnresolvedExpression[];
    }
  | {
      readonly kind: 'filter';
      readonly input: UnresolvedRelation;
      readonly condition: UnresolvedExpression;
    }
  | {
      readonly kind: 'with-columns';
      readonly input: UnresolvedRelation;
      readonly columns: readonly { readonly name: string; readonly value: UnresolvedExpression }[];
    }
  | {
      readonly kind: 'rename-columns';
      readonly input: UnresolvedRelation;
      readonly renames: readonly (readonly [from: string, to: string])[];
    }
  | {
      readonly kind: 'drop';
      readonly input: UnresolvedRelation;
      readonly columns: readonly UnresolvedExpression[];
      readonly names: readonly string[];
    }
  | { readonly kind: 'to-df'; readonly input: UnresolvedRelation; readonly names: readonly string[] }
  | {
      readonly kind: 'aggregate';
      readonly input: UnresolvedRelation;
      readonly group: GroupType;
      readonly groupBy: readonly UnresolvedExpression[];
      /** For SQL, the whole select list; for data frames, the aggregates alone (`prependGroups`). */
      readonly columns: readonly UnresolvedExpression[];
      readonly prependGroups: boolean;
      readonly groupingSets: readonly (readonly UnresolvedExpression[])[];
      readonly pivot:
        | { readonly column: UnresolvedExpression; readonly values: readonly UnresolvedExpression[] }
        | undefined;
    }
  | {
      readonly kind: 'join';
      readonly left: UnresolvedRelation;
      readonly right: UnresolvedRelation;
      readonly type: JoinType;
      readonly condition: UnresolvedExpression | undefined;
      readonly using: readonly string[];
      readonly natural?: boolean;
    }
  | {
      readonly kind: 'set-operation';
      readonly left: UnresolvedRelation;
      readonly right: UnresolvedRelation;
      readonly operation: 'union' | 'intersect' | 'except';
      readonly all: boolean;
      readonly byName: boolean;
      readonly allowMissing: boolean;
    }
  | {
      readonly kind: 'sort';
      readonly input: UnresolvedRelation;
      readonly orders: readonly UnresolvedOrder[];
      readonly global: boolean;
    }
  | { readonly kind: 'limit'; readonly input: UnresolvedRelation; readonly limit: number }
  | { readonly kind: 'offset'; readonly input: UnresolvedRelation; readonly offset: number }
  | { readonly kind: 'tail'; readonly input: UnresolvedRelation; readonly limit: number }
  | {
      readonly kind: 'deduplicate';
      readonly input: UnresolvedRelation;
      /** Empty for all columns. */
      readonly columns: readonly string[];
      readonly withinWatermark?: boolean;
    }
  | {
      readonly kind: 'watermark';
      readonly input: UnresolvedRelation;
      readonly column: string;
      /** An interval's text: '10 minutes'. */
      readonly delay: string;
    }
  | {
      readonly kind: 'subquery-alias';
      readonly input: UnresolvedRelation;
      readonly alias: string;
      readonly columns: readonly string[];
    }
  | {
      readonly kind: 'fill-na';
      readonly input: UnresolvedRelation;
      readonly columns: readonly string[];
      readonly values: readonly UnresolvedExpression[];
    }
  | {
      readonly kind: 'drop-na';
      readonly input: UnresolvedRelation;
      readonly columns: readonly string[];
      /** Rows need at least this many values; undefined means all. */
      readonly minimum: number | undefined;
    }
  | {
      readonly kind: 'replace';
      readonly input: UnresolvedRelation;
      readonly columns: readonly string[];
      readonly pairs: readonly (readonly [old: UnresolvedExpression, value: UnresolvedExpression])[];
    }
  | {
      readonly kind: 'sample';
      readonly input: UnresolvedRelation;
      readonly lower: number;
      readonly upper: number;
      readonly seed: number;
      readonly replacement: boolean;
    }
  /** Repartition, coalesce, hints: they change where rows are, never which. */
  | { readonly kind: 'same'; readonly input: UnresolvedRelation }
  | { readonly kind: 'to-schema'; readonly input: UnresolvedRelation; readonly schema: StructType }
  | {
      readonly kind: 'unpivot';
      readonly input: UnresolvedRelation;
      readonly ids: readonly UnresolvedExpression[];
      readonly values: readonly UnresolvedExpression[] | undefined;
      readonly variableName: string;
      readonly valueName: string;
    }
  | {
      readonly kind: 'describe';
      readonly input: UnresolvedRelation;
      readonly columns: readonly string[];
      readonly statistics: readonly string[];
    }
  /** `LATERAL VIEW [OUTER] generator(...) alias AS columns`. */
  | {
      readonly kind: 'lateral-view';
      readonly input: UnresolvedRelation;
      readonly generator: UnresolvedExpression;
      readonly outer: boolean;
      readonly alias: string | undefined;
      readonly columns: readonly string[];
    }
  /** Common table expressions: names that hold inside `input`, each also in those after it. */
  | {
      readonly kind: 'with';
      readonly input: UnresolvedRelation;
      readonly tables: readonly { readonly name: string; readonly plan: UnresolvedRelation }[];
    };

export function relation(node: UnresolvedNode, planId?: number): UnresolvedRelation {
  return { ...node, planId };
}

export function callOf(name: string, ...args: UnresolvedExpression[]): UnresolvedExpression {
  return { kind: 'function', name, args, distinct: false };
}

/** Reads `a.b` and `` `a.b`.c `` as Spark does. */
export function nameParts(name: string): string[] {
  const parts = name.match(/`(?:[^`]|``)*`|[^.`]+/g) ?? [];
  return parts.map((part) => (part.startsWith('`') ? part.slice(1, -1).replaceAll('``', '`') : part));
}
