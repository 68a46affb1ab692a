import { simpleString } from './simple-string.ts';
import type { SparkType } from '../spark-type.ts';

/** The value of Spark's `schema.json()`: what Parquet footers keep under `org.apache.spark.sql.parquet.row.metadata`. */
export function toJsonSchema(type: SparkType): unknown {
  switch (type.kind) {
    case 'array':
      return {
        containsNull: type.containsNull,
        elementType: toJsonSchema(type.element),
        type: 'array',
      };
    case 'map':
      return {
        keyType: toJsonSchema(type.key),
        type: 'map',
        valueContainsNull: type.valueContainsNull,
        valueType: toJsonSchema(type.value),
      };
    case 'struct':
      return {
        fields: type.fields.map((field) => ({
          metadata: {},
          name: field.name,
          nullable: field.nullable,
          type: toJsonSchema(field.type),
        })),
        type: 'struct',
      };
    case 'null':
      return 'void';
    case 'decimal':
    case 'calendar_interval':
    case 'day_time_interval':
    case 'year_month_interval':
      return simpleString(type);
    default:
      return type.kind;
  }
}
