import { type FileMetaData, parquetSchema, type SchemaElement, type SchemaTree } from 'hyparquet';
import { QuarryError } from '../../common/quarry-error.ts';
import type { SparkType, StructField, StructType } from '../plan/spark-type.ts';

/** The schema of a Parquet file in Spark's types. Every column is nullable, as Spark has it for files. Errors: UNSUPPORTED. */
export function sparkSchema(metadata: FileMetaData, path: string): StructType {
  try {
    return { kind: 'struct', fields: parquetSchema(metadata).children.map(fieldOf) };
  } catch (thrown) {
    if (thrown instanceof QuarryError) {
      throw new QuarryError(thrown.code, `${path}: ${thrown.message}`, { cause: thrown, details: { path } });
    }
    throw thrown;
  }
}

function fieldOf(node: SchemaTree): StructField {
  const type = typeOf(node);
  // A repeated field outside LIST and MAP is a list of its own.
  const repeated = node.element.repetition_type === 'REPEATED';
  return {
    name: node.element.name,
    type: repeated ? { kind: 'array', element: type, containsNull: false } : type,
    nullable: true,
  };
}

function typeOf(node: SchemaTree): SparkType {
  if (node.children.length === 0) return primitive(node.element);
  const { converted_type: converted, logical_type: logical } = node.element;
  if (logical?.type === 'LIST' || converted === 'LIST') return listOf(node);
  if (logical?.type === 'MAP' || converted === 'MAP' || converted === 'MAP_KEY_VALUE') return mapOf(node);
  return { kind: 'struct', fields: node.children.map(fieldOf) };
}

function listOf(node: SchemaTree): SparkType {
  const repeated = node.children[0]!;
  // Three levels: the repeated group wraps one field. Older writers repeat the element itself.
  const only = repeated.children.length === 1 ? repeated.children[0]! : undefined;
  const wrapped =
    only !== undefined &&
    repeated.element.name !== 'array' &&
    repeated.element.name !== `${node.element.name}_tuple`;
  const element = wrapped ? only : repeated;
  return {
    kind: 'array',
    element: element === repeated ? elementType(repeated) : fieldOf(element).type,
    containsNull: element !== repeated,
  };
}

function elementType(repeated: SchemaTree): SparkType {
  return repeated.children.length === 0
    ? primitive(repeated.element)
    : { kind: 'struct', fields: repeated.children.map(fieldOf) };
}

function mapOf(node: SchemaTree): SparkType {
  const [key, value] = node.children[0]!.children;
  if (key === undefined || value === undefined) throw unsupported(node.element);
  return { kind: 'map', key: typeOf(key), value: fieldOf(value).type, valueContainsNull: true };
}

function primitive(element: SchemaElement): SparkType {
  const { type, logical_type: logical, converted_type: converted } = element;
  if (logical?.type === 'DECIMAL' || converted === 'DECIMAL') return decimal(element);
  switch (type) {
    case 'BOOLEAN':
      return { kind: 'boolean' };
    case 'FLOAT':
      return { kind: 'float' };
    case 'DOUBLE':
      return { kind: 'double' };
    case 'INT96':
      return { kind: 'timestamp' };
    case 'INT32':
      return integer32(element);
    case 'INT64':
      return integer64(element);
    case 'BYTE_ARRAY':
      return isText(element) ? { kind: 'string' } : { kind: 'binary' };
    case 'FIXED_LEN_BYTE_ARRAY':
      if (logical?.type === 'UUID') return { kind: 'string' };
      if (logical?.type === 'FLOAT16') return { kind: 'float' };
      if (converted === 'INTERVAL') throw unsupported(element);
      return { kind: 'binary' };
    default:
      throw unsupported(element);
  }
}

function decimal({ logical_type: logical, precision, scale }: SchemaElement): SparkType {
  return logical?.type === 'DECIMAL'
    ? { kind: 'decimal', precision: logical.precision, scale: logical.scale }
    : { kind: 'decimal', precision: precision ?? 38, scale: scale ?? 0 };
}

function isText({ logical_type: logical, converted_type: converted }: SchemaElement): boolean {
  return (
    logical?.type === 'STRING' ||
    logical?.type === 'ENUM' ||
    logical?.type === 'JSON' ||
    converted === 'UTF8' ||
    converted === 'ENUM' ||
    converted === 'JSON'
  );
}

function integer32(element: SchemaElement): SparkType {
  const { logical_type: logical, converted_type: converted } = element;
  if (logical?.type === 'DATE' || converted === 'DATE') return { kind: 'date' };
  if (logical?.type === 'TIME' || converted === 'TIME_MILLIS') throw unsupported(element);
  const { bits, signed } = integerOf(element, 32);
  if (bits === 8) return { kind: signed ? 'byte' : 'short' };
  if (bits === 16) return { kind: signed ? 'short' : 'integer' };
  return { kind: signed ? 'integer' : 'long' };
}

function integer64(element: SchemaElement): SparkType {
  const { logical_type: logical, converted_type: converted } = element;
  if (logical?.type === 'TIMESTAMP') return { kind: logical.isAdjustedToUTC ? 'timestamp' : 'timestamp_ntz' };
  if (converted === 'TIMESTAMP_MILLIS' || converted === 'TIMESTAMP_MICROS') return { kind: 'timestamp' };
  if (logical?.type === 'TIME' || converted === 'TIME_MICROS') throw unsupported(element);
  return integerOf(element, 64).signed ? { kind: 'long' } : { kind: 'decimal', precision: 20, scale: 0 };
}

function integerOf(element: SchemaElement, width: number): { bits: number; signed: boolean } {
  const { logical_type: logical, converted_type: converted } = element;
  if (logical?.type === 'INTEGER') return { bits: logical.bitWidth, signed: logical.isSigned };
  const match = /^(U?)INT_(\d+)$/.exec(converted ?? '');
  if (match === null) return { bits: width, signed: true };
  return { bits: Number(match[2]), signed: match[1] === '' };
}

function unsupported(element: SchemaElement): QuarryError {
  const kind = element.logical_type?.type ?? element.converted_type ?? element.type ?? 'an empty group';
  return new QuarryError(
    'UNSUPPORTED',
    `[PARQUET_TYPE_NOT_SUPPORTED] column ${element.name} is ${kind}, which has no type in Spark: leave it out`,
    { details: { errorClass: 'PARQUET_TYPE_NOT_SUPPORTED' } },
  );
}
