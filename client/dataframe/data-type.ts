import type { DataType as DataTypeMessage } from '../../proto/gen/spark/connect/DataType.ts';
import { QuarryError } from '../../common/quarry-error.ts';

/** The names of types without parameters, as Spark's JSON schemas have them. */
const SIMPLE = {
  null: 'void',
  boolean: 'boolean',
  byte: 'tinyint',
  short: 'smallint',
  integer: 'int',
  long: 'bigint',
  float: 'float',
  double: 'double',
  string: 'string',
  binary: 'binary',
  date: 'date',
  timestamp: 'timestamp',
  timestampNtz: 'timestamp_ntz',
  calendarInterval: 'interval',
  yearMonthInterval: 'interval year to month',
  dayTimeInterval: 'interval day to second',
  variant: 'variant',
} as const;

type SimpleKind = keyof typeof SIMPLE;

/** A Spark type. */
export type DataType =
  | { readonly kind: SimpleKind }
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number }
  | { readonly kind: 'array'; readonly element: DataType; readonly containsNull: boolean }
  | {
      readonly kind: 'map';
      readonly key: DataType;
      readonly value: DataType;
      readonly valueContainsNull: boolean;
    }
  | StructType;

export interface StructType {
  readonly kind: 'struct';
  readonly fields: readonly StructField[];
}

export interface StructField {
  readonly name: string;
  readonly type: DataType;
  readonly nullable: boolean;
}

/** The type as Spark writes it: `bigint`, `array<int>`, `struct<a:int,b:string>`. */
export function simpleString(type: DataType): string {
  switch (type.kind) {
    case 'decimal':
      return `decimal(${type.precision},${type.scale})`;
    case 'array':
      return `array<${simpleString(type.element)}>`;
    case 'map':
      return `map<${simpleString(type.key)},${simpleString(type.value)}>`;
    case 'struct':
      return `struct<${type.fields.map(({ name, type }) => `${name}:${simpleString(type)}`).join(',')}>`;
    default:
      return SIMPLE[type.kind];
  }
}

/** Spark's JSON form, which its servers take for the schema of local data. */
export function schemaJson(type: DataType): unknown {
  switch (type.kind) {
    case 'null':
      return 'void';
    case 'timestampNtz':
    case 'calendarInterval':
    case 'yearMonthInterval':
    case 'dayTimeInterval':
    case 'decimal':
      return simpleString(type);
    case 'array':
      return { type: 'array', elementType: schemaJson(type.element), containsNull: type.containsNull };
    case 'map':
      return {
        type: 'map',
        keyType: schemaJson(type.key),
        valueType: schemaJson(type.value),
        valueContainsNull: type.valueContainsNull,
      };
    case 'struct':
      return {
        type: 'struct',
        fields: type.fields.map(({ name, type, nullable }) => ({
          name,
          type: schemaJson(type),
          nullable,
          metadata: {},
        })),
      };
    default:
      return type.kind;
  }
}

export function typeFromMessage(message: DataTypeMessage | null | undefined): DataType {
  const kind = message?.kind;
  switch (kind) {
    case 'decimal':
      return {
        kind,
        precision: message?.decimal?.precision ?? 10,
        scale: message?.decimal?.scale ?? 0,
      };
    case 'array':
      return {
        kind,
        element: typeFromMessage(message?.array?.elementType),
        containsNull: message?.array?.containsNull ?? true,
      };
    case 'map':
      return {
        kind,
        key: typeFromMessage(message?.map?.keyType),
        value: typeFromMessage(message?.map?.valueType),
        valueContainsNull: message?.map?.valueContainsNull ?? true,
      };
    case 'struct':
      return {
        kind,
        fields: (message?.struct?.fields ?? []).map((field) => ({
          name: field.name,
          type: typeFromMessage(field.dataType),
          nullable: field.nullable,
        })),
      };
    case 'char':
    case 'varChar':
      return { kind: 'string' };
    default:
      if (kind !== undefined && Object.hasOwn(SIMPLE, kind)) return { kind: kind as SimpleKind };
      throw new QuarryError('UNSUPPORTED', `this client does not know the type ${kind ?? '(none)'}`);
  }
}
