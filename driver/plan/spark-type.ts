/** Spark's types. `decimal` has precision 1..38; `char` and `varchar` are kept as string, as Spark does outside table schemas. */
export type SparkType =
  | { readonly kind: 'null' | 'boolean' | 'byte' | 'short' | 'integer' | 'long' | 'float' | 'double' }
  | { readonly kind: 'string' | 'binary' | 'date' | 'timestamp' | 'timestamp_ntz' }
  | { readonly kind: 'calendar_interval' }
  | { readonly kind: 'day_time_interval'; readonly start: number; readonly end: number }
  | { readonly kind: 'year_month_interval'; readonly start: number; readonly end: number }
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number }
  | { readonly kind: 'array'; readonly element: SparkType; readonly containsNull: boolean }
  | {
      readonly kind: 'map';
      readonly key: SparkType;
      readonly value: SparkType;
      readonly valueContainsNull: boolean;
    }
  | { readonly kind: 'struct'; readonly fields: readonly StructField[] };

export interface StructField {
  readonly name: string;
  readonly type: SparkType;
  readonly nullable: boolean;
}

export type StructType = Extract<SparkType, { kind: 'struct' }>;
