import type { Attribute } from './expression.ts';
import type { SparkType } from './spark-type.ts';

/** A result column as the executor that writes Arrow IPC needs it: DuckDB's vectors know neither Spark's name nor its nullability. */
export interface ArrowField {
  readonly name: string;
  readonly type: SparkType;
  readonly nullable: boolean;
}

export function arrowFields(output: readonly Attribute[]): ArrowField[] {
  return output.map(({ name, type, nullable }) => ({ name, type, nullable }));
}

/** The schema of a result as JSON text: a list of {name, type, nullable}, in column order. */
export function arrowSchemaJson(output: readonly Attribute[]): string {
  return JSON.stringify(arrowFields(output));
}
