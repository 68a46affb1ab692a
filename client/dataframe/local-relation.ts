import {
  Binary,
  Bool,
  type DataType as ArrowType,
  DateDay,
  Decimal,
  Field,
  Float32,
  Float64,
  Int16,
  Int32,
  Int64,
  Int8,
  List,
  Map_ as ArrowMap,
  Null,
  Schema,
  Struct,
  Table,
  tableToIPC,
  TimestampMicrosecond,
  Utf8,
  vectorFromArray,
} from 'apache-arrow';
import { QuarryError } from '../../common/quarry-error.ts';
import type { LocalRelationInput } from '../../proto/gen/spark/connect/LocalRelation.ts';
import type { Row } from '../../common/compute/arrow-rows.ts';
import { type DataType, schemaJson, simpleString, type StructField, type StructType } from './data-type.ts';

/** Rows given by the program itself, as Spark takes them: one Arrow stream and the schema beside it. Errors: INVALID_ARGUMENT. */
export function localRelation(rows: readonly Row[], schema: StructType): LocalRelationInput {
  const fields = schema.fields.map(({ name, type }) => new Field(name, arrowType(type), true));
  const columns = schema.fields.map((field) => {
    const cells = rows.map((row) => toArrow(row[field.name], field));
    return vectorFromArray(cells, arrowType(field.type));
  });
  const table = new Table(
    new Schema(fields),
    Object.fromEntries(columns.map((column, index) => [fields[index]!.name, column])),
  );
  return { data: Buffer.from(tableToIPC(table, 'stream')), schema: JSON.stringify(schemaJson(schema)) };
}

/** The schema that the rows themselves show: every name that occurs, each with the type that holds all its values. Errors: INVALID_ARGUMENT. */
export function inferSchema(rows: readonly Row[]): StructType {
  const types = new Map<string, DataType>();
  for (const row of rows) {
    for (const [name, value] of Object.entries(row)) {
      types.set(name, commonType(name, types.get(name) ?? NULL, typeOfValue(name, value)));
    }
  }
  if (types.size === 0) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      'rows without a field need a schema: pass one as the second argument',
    );
  }
  return {
    kind: 'struct',
    fields: [...types].map(([name, type]) => ({ name, type, nullable: true })),
  };
}

const NULL: DataType = { kind: 'null' };

function typeOfValue(name: string, value: unknown): DataType {
  if (value === null || value === undefined) return NULL;
  switch (typeof value) {
    case 'boolean':
      return { kind: 'boolean' };
    case 'number':
      return { kind: Number.isSafeInteger(value) ? 'long' : 'double' };
    case 'bigint':
      return { kind: 'long' };
    case 'string':
      return { kind: 'string' };
    default:
      return typeOfObject(name, value as object);
  }
}

function typeOfObject(name: string, value: object): DataType {
  if (value instanceof Date) return { kind: 'timestamp' };
  if (value instanceof Uint8Array) return { kind: 'binary' };
  if (Array.isArray(value)) {
    const element = value.reduce<DataType>(
      (type, item) => commonType(name, type, typeOfValue(name, item)),
      NULL,
    );
    return { kind: 'array', element, containsNull: true };
  }
  if (value instanceof Map) {
    const merge = (items: Iterable<unknown>) =>
      [...items].reduce<DataType>((type, item) => commonType(name, type, typeOfValue(name, item)), NULL);
    return { kind: 'map', key: merge(value.keys()), value: merge(value.values()), valueContainsNull: true };
  }
  if (typeof value !== 'object') {
    throw new QuarryError('INVALID_ARGUMENT', `column ${name}: a ${typeof value} cannot be stored`);
  }
  const fields = Object.entries(value).map(([field, item]) => ({
    name: field,
    type: typeOfValue(`${name}.${field}`, item),
    nullable: true,
  }));
  return { kind: 'struct', fields };
}

function commonType(name: string, left: DataType, right: DataType): DataType {
  if (left.kind === 'null') return right;
  if (right.kind === 'null') return left;
  if (left.kind === 'array' && right.kind === 'array') {
    return { ...left, element: commonType(name, left.element, right.element) };
  }
  if (left.kind === 'struct' && right.kind === 'struct') return mergeStructs(name, left, right);
  const kinds = new Set([left.kind, right.kind]);
  if (kinds.size === 1) return left;
  if (kinds.size === 2 && kinds.has('long') && kinds.has('double')) return { kind: 'double' };
  throw new QuarryError(
    'INVALID_ARGUMENT',
    `column ${name} holds ${simpleString(left)} and ${simpleString(right)}: pass a schema or make them one type`,
  );
}

function mergeStructs(name: string, left: StructType, right: StructType): StructType {
  const fields = new Map<string, StructField>(left.fields.map((field) => [field.name, field]));
  for (const field of right.fields) {
    const type = commonType(`${name}.${field.name}`, fields.get(field.name)?.type ?? NULL, field.type);
    fields.set(field.name, { ...field, type });
  }
  return { kind: 'struct', fields: [...fields.values()] };
}

function arrowType(type: DataType): ArrowType {
  switch (type.kind) {
    case 'null':
      return new Null();
    case 'boolean':
      return new Bool();
    case 'byte':
      return new Int8();
    case 'short':
      return new Int16();
    case 'integer':
      return new Int32();
    case 'long':
      return new Int64();
    case 'float':
      return new Float32();
    case 'double':
      return new Float64();
    case 'string':
      return new Utf8();
    case 'binary':
      return new Binary();
    case 'date':
      return new DateDay();
    case 'timestamp':
      return new TimestampMicrosecond('UTC');
    case 'timestampNtz':
      return new TimestampMicrosecond();
    case 'decimal':
      return new Decimal(type.scale, type.precision);
    case 'array':
      return new List(new Field('element', arrowType(type.element), true));
    case 'struct':
      return new Struct(type.fields.map(({ name, type }) => new Field(name, arrowType(type), true)));
    case 'map':
      return new ArrowMap(
        new Field(
          'entries',
          new Struct<{ key: ArrowType; value: ArrowType }>([
            new Field('key', arrowType(type.key), false),
            new Field('value', arrowType(type.value), true),
          ]),
          false,
        ),
      );
    default:
      throw new QuarryError('UNSUPPORTED', `rows of a program cannot hold ${simpleString(type)}`);
  }
}

/** The value that apache-arrow's builders take for that type. */
function toArrow(value: unknown, { name, type }: Pick<StructField, 'name' | 'type'>): unknown {
  if (value === null || value === undefined) return null;
  switch (type.kind) {
    case 'long':
      return typeof value === 'bigint' ? value : BigInt(integer(name, value));
    case 'byte':
    case 'short':
    case 'integer':
      return integer(name, value);
    case 'float':
    case 'double':
      return Number(value);
    case 'decimal':
      return decimalWords(name, textOf(name, value), type.scale);
    case 'date':
      return value instanceof Date ? value : new Date(`${textOf(name, value)}T00:00:00Z`);
    case 'timestamp':
    case 'timestampNtz':
      return value instanceof Date ? value.getTime() : new Date(textOf(name, value)).getTime();
    case 'array':
      return (value as readonly unknown[]).map((item) => toArrow(item, { name, type: type.element }));
    case 'map':
      return new Map(
        [...(value as ReadonlyMap<unknown, unknown>)].map(([key, item]) => [
          toArrow(key, { name, type: type.key }),
          toArrow(item, { name, type: type.value }),
        ]),
      );
    case 'struct':
      return Object.fromEntries(
        type.fields.map((field) => [field.name, toArrow((value as Row)[field.name], field)]),
      );
    default:
      return value;
  }
}

function textOf(name: string, value: unknown): string {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint')
    return String(value);
  throw new QuarryError('INVALID_ARGUMENT', `column ${name}: a ${typeof value} does not fit its type`);
}

function integer(name: string, value: unknown): number {
  const number = Number(value);
  if (!Number.isInteger(number)) {
    throw new QuarryError('INVALID_ARGUMENT', `column ${name}: ${textOf(name, value)} is not an integer`);
  }
  return number;
}

function decimalWords(name: string, text: string, scale: number): Uint32Array {
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text);
  if (match === null || (match[3] ?? '').length > scale) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `column ${name}: ${text} is no decimal with ${scale} digits after the point`,
    );
  }
  const digits = BigInt(match[2]! + (match[3] ?? '').padEnd(scale, '0'));
  const unscaled = BigInt.asUintN(128, match[1] === '-' ? -digits : digits);
  return Uint32Array.from([0n, 32n, 64n, 96n], (shift) => Number((unscaled >> shift) & 0xffff_ffffn));
}
