import type { SparkType } from './spark-type.ts';

/** A column of a relation. `id` is unique in a session: two attributes are the same column exactly when their ids are equal. */
export interface Attribute {
  readonly id: number;
  readonly name: string;
  readonly type: SparkType;
  readonly nullable: boolean;
  /** Spark Connect plan ids of the relations that made or passed on this column: `df1.id == df2.id` is told apart by them. */
  readonly planIds: readonly number[];
  /** Names of sub-queries and tables it can be called by: `t.id`. */
  readonly qualifiers: readonly string[];
}

/**
 * A value of a literal: bigint for long, text for decimal, bigint microseconds for times and day-time intervals, days
 * for dates, months for year-month intervals; a list for arrays and structs, a list of [key, value] for maps.
 */
export type LiteralValue = null | boolean | number | bigint | string | Uint8Array | readonly LiteralValue[];

/** A resolved expression. Every node knows its type; column references are by attribute id alone. */
export type Expression =
  | { readonly kind: 'column'; readonly id: number; readonly type: SparkType; readonly nullable: boolean }
  | {
      readonly kind: 'literal';
      readonly value: LiteralValue;
      readonly type: SparkType;
      readonly nullable: boolean;
    }
  | {
      readonly kind: 'cast';
      readonly input: Expression;
      readonly type: SparkType;
      readonly nullable: boolean;
      readonly try: boolean;
    }
  /** A function of the table in functions/: `name` is its key there. */
  | {
      readonly kind: 'call';
      readonly name: string;
      readonly args: readonly Expression[];
      readonly type: SparkType;
      readonly nullable: boolean;
    }
  | {
      readonly kind: 'aggregate';
      readonly name: string;
      readonly args: readonly Expression[];
      readonly distinct: boolean;
      readonly filter: Expression | undefined;
      readonly type: SparkType;
      readonly nullable: boolean;
    }
  | {
      readonly kind: 'window';
      readonly input: Expression;
      readonly partitionBy: readonly Expression[];
      readonly orderBy: readonly SortOrder[];
      /** SQL text of the frame, or undefined for the default. */
      readonly frame: string | undefined;
      readonly type: SparkType;
      readonly nullable: boolean;
    }
  | {
      readonly kind: 'case';
      readonly branches: readonly { readonly when: Expression; readonly result: Expression }[];
      readonly otherwise: Expression | undefined;
      readonly type: SparkType;
      readonly nullable: boolean;
    }
  | {
      readonly kind: 'lambda';
      readonly parameters: readonly string[];
      readonly body: Expression;
      readonly type: SparkType;
      readonly nullable: boolean;
    }
  | {
      readonly kind: 'lambda-variable';
      readonly name: string;
      readonly type: SparkType;
      readonly nullable: boolean;
    };

export interface SortOrder {
  readonly input: Expression;
  readonly ascending: boolean;
  readonly nullsFirst: boolean;
}

/** An expression with the column it makes. */
export interface NamedExpression {
  readonly attribute: Attribute;
  readonly value: Expression;
}
