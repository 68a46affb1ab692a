import type { DataTypeInput } from '../../proto/gen/spark/connect/DataType.ts';
import type { Attribute } from '../plan/expression.ts';
import type { SparkType, StructType } from '../plan/spark-type.ts';

/** A type as the protocol has it. */
export function dataTypeMessage(type: SparkType): DataTypeInput {
  switch (type.kind) {
    case 'decimal':
      return { decimal: { precision: type.precision, scale: type.scale } };
    case 'array':
      return { array: { elementType: dataTypeMessage(type.element), containsNull: type.containsNull } };
    case 'map':
      return {
        map: {
          keyType: dataTypeMessage(type.key),
          valueType: dataTypeMessage(type.value),
          valueContainsNull: type.valueContainsNull,
        },
      };
    case 'struct':
      return {
        struct: {
          fields: type.fields.map((field) => ({
            name: field.name,
            dataType: dataTypeMessage(field.type),
            nullable: field.nullable,
          })),
        },
      };
    case 'day_time_interval':
      return { dayTimeInterval: { startField: type.start, endField: type.end } };
    case 'year_month_interval':
      return { yearMonthInterval: { startField: type.start, endField: type.end } };
    case 'timestamp_ntz':
      return { timestampNtz: {} };
    case 'calendar_interval':
      return { calendarInterval: {} };
    case 'string':
      return { string: { collation: 'UTF8_BINARY' } };
    default:
      return { [type.kind]: {} };
  }
}

export function structOf(output: readonly Attribute[]): StructType {
  return {
    kind: 'struct',
    fields: output.map(({ name, type, nullable }) => ({ name, type, nullable })),
  };
}
