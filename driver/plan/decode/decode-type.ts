import type { DataType } from '../../../proto/gen/spark/connect/DataType.ts';
import { unsupported } from '../errors.ts';
import type { SparkType } from '../spark-type.ts';
import { NULL } from '../types/coercion.ts';
import { parseType } from '../types/type-parser.ts';

const DAY_TIME_SECOND = 3;
const YEAR_MONTH_MONTH = 1;

/** A type as a client sends it. Throws PARSE for a malformed unparsed one, UNSUPPORTED for what Quarry has not. */
export function decodeType(message: DataType | null | undefined): SparkType {
  if (message == null) return NULL;
  switch (message.kind) {
    case 'null':
    case 'binary':
    case 'boolean':
    case 'byte':
    case 'short':
    case 'integer':
    case 'long':
    case 'float':
    case 'double':
    case 'string':
    case 'date':
    case 'timestamp':
      return { kind: message.kind };
    case 'char':
    case 'varChar':
      return { kind: 'string' };
    case 'timestampNtz':
      return { kind: 'timestamp_ntz' };
    case 'calendarInterval':
      return { kind: 'calendar_interval' };
    case 'decimal': {
      const { precision = 10, scale = 0 } = message.decimal ?? {};
      return { kind: 'decimal', precision, scale };
    }
    case 'dayTimeInterval': {
      const { startField = 0, endField = DAY_TIME_SECOND } = message.dayTimeInterval ?? {};
      return { kind: 'day_time_interval', start: startField, end: endField };
    }
    case 'yearMonthInterval': {
      const { startField = 0, endField = YEAR_MONTH_MONTH } = message.yearMonthInterval ?? {};
      return { kind: 'year_month_interval', start: startField, end: endField };
    }
    case 'array': {
      const array = message.array!;
      return { kind: 'array', element: decodeType(array.elementType), containsNull: array.containsNull };
    }
    case 'map': {
      const map = message.map!;
      return {
        kind: 'map',
        key: decodeType(map.keyType),
        value: decodeType(map.valueType),
        valueContainsNull: map.valueContainsNull,
      };
    }
    case 'struct':
      return {
        kind: 'struct',
        fields: message.struct!.fields.map((field) => ({
          name: field.name,
          type: decodeType(field.dataType),
          nullable: field.nullable,
        })),
      };
    case 'udt':
      return decodeType(message.udt!.sqlType);
    case 'unparsed':
      return parseType(message.unparsed!.dataTypeString);
    default:
      throw unsupported(`The data type ${message.kind ?? 'of this message'}`);
  }
}
