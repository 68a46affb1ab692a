import type { DataType, Vector } from 'apache-arrow';
import { unsupported } from '../errors.ts';
import type { LiteralValue } from '../expression.ts';
import type { SparkType, StructType } from '../spark-type.ts';
import { parseSchema } from '../types/type-parser.ts';
import type { LocalRows } from './source-table.ts';

type Arrow = typeof import('apache-arrow');

function integerType(bits: number): SparkType {
  return { kind: ({ 8: 'byte', 16: 'short', 32: 'integer' } as const)[bits] ?? 'long' };
}

function fromArrow(arrow: Arrow, type: DataType): SparkType {
  const { DataType: Types } = arrow;
  if (Types.isNull(type)) return { kind: 'null' };
  if (Types.isBool(type)) return { kind: 'boolean' };
  if (Types.isInt(type)) return integerType(type.bitWidth);
  if (Types.isFloat(type)) return { kind: type.precision === 2 ? 'double' : 'float' };
  if (Types.isUtf8(type) || Types.isLargeUtf8(type)) return { kind: 'string' };
  if (Types.isBinary(type) || Types.isLargeBinary(type)) return { kind: 'binary' };
  if (Types.isDate(type)) return { kind: 'date' };
  if (Types.isTimestamp(type)) return { kind: type.timezone ? 'timestamp' : 'timestamp_ntz' };
  if (Types.isDecimal(type)) return { kind: 'decimal', precision: type.precision, scale: type.scale };
  if (Types.isDuration(type)) return { kind: 'day_time_interval', start: 0, end: 3 };
  if (Types.isDictionary(type)) return fromArrow(arrow, type.dictionary as DataType);
  if (Types.isList(type)) {
    const field = type.children[0]!;
    return { kind: 'array', element: fromArrow(arrow, field.type), containsNull: field.nullable };
  }
  if (Types.isMap(type)) {
    const entries = type.children[0]!.type.children;
    const [key, value] = [entries[0]!, entries[1]!];
    return {
      kind: 'map',
      key: fromArrow(arrow, key.type),
      value: fromArrow(arrow, value.type),
      valueContainsNull: value.nullable,
    };
  }
  if (Types.isStruct(type)) {
    return {
      kind: 'struct',
      fields: type.children.map((field) => ({
        name: field.name,
        type: fromArrow(arrow, field.type),
        nullable: field.nullable,
      })),
    };
  }
  throw unsupported(`The Arrow type ${type.typeId}`);
}

/** Arrow's time units by their number: seconds, milliseconds, microseconds, nanoseconds. */
function microseconds(value: bigint, unit: number): bigint {
  if (unit === 0) return value * 1_000_000n;
  if (unit === 1) return value * 1000n;
  return unit === 2 ? value : value / 1000n;
}

const DAY_MS = 86_400_000;

/** Digits of a little-endian 128-bit integer with the point where the scale puts it. */
function decimalText(words: Uint32Array, scale: number): string {
  let value = 0n;
  for (let index = words.length - 1; index >= 0; index -= 1) value = (value << 32n) | BigInt(words[index]!);
  value = BigInt.asIntN(words.length * 32, value);
  const digits = (value < 0n ? -value : value).toString().padStart(scale + 1, '0');
  const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
  return value < 0n ? `-${text}` : text;
}

/** The bytes of a column, which `get` of apache-arrow would turn into a lossy number or a Date. */
function rawAt(column: Vector, index: number): { values: ArrayLike<number | bigint>; at: number } {
  let rest = index;
  for (const chunk of column.data) {
    if (rest < chunk.length) return { values: chunk.values as ArrayLike<number | bigint>, at: rest };
    rest -= chunk.length;
  }
  throw new RangeError(`row ${index} of ${column.length}`);
}

function timeAt(column: Vector, index: number, unit: number): bigint {
  const { values, at } = rawAt(column, index);
  const value = values[at]!;
  if (typeof value === 'bigint') return microseconds(value, unit);
  // Some builds keep 64-bit values as pairs of 32-bit words.
  return microseconds(
    BigInt.asIntN(64, (BigInt(Number(values[at * 2 + 1])) << 32n) | BigInt(Number(values[at * 2]) >>> 0)),
    unit,
  );
}

function childAt(arrow: Arrow, value: Vector, index: number, type: SparkType): LiteralValue {
  return valueAt(arrow, value, index, type);
}

function valueAt(arrow: Arrow, column: Vector, index: number, type: SparkType): LiteralValue {
  const value: unknown = column.get(index);
  if (value === null || value === undefined) return null;
  switch (type.kind) {
    case 'null':
      return null;
    case 'long':
      return BigInt(value as bigint | number);
    case 'date':
      return Math.round(Number(value) / DAY_MS);
    case 'timestamp':
    case 'timestamp_ntz':
    case 'day_time_interval':
      return timeAt(column, index, (column.type as { unit?: number }).unit ?? 2);
    case 'decimal':
      return decimalText(value as Uint32Array, type.scale);
    case 'array': {
      const list = value as Vector;
      return Array.from({ length: list.length }, (_, at) => childAt(arrow, list, at, type.element));
    }
    case 'struct': {
      return type.fields.map((field, at) => {
        const child = column.getChildAt(at);
        return child === null ? null : childAt(arrow, child, index, field.type);
      });
    }
    case 'map':
      return mapAt(arrow, column, index, type);
    default:
      return value as LiteralValue;
  }
}

function mapAt(
  arrow: Arrow,
  column: Vector,
  index: number,
  type: Extract<SparkType, { kind: 'map' }>,
): LiteralValue {
  let rest = index;
  for (const chunk of column.data) {
    if (rest >= chunk.length) {
      rest -= chunk.length;
      continue;
    }
    const offsets = chunk.valueOffsets as Int32Array;
    const [start, end] = [offsets[rest]!, offsets[rest + 1]!];
    const entries = new arrow.Vector([chunk.children[0]!]);
    const keys = entries.getChildAt(0)!;
    const values = entries.getChildAt(1)!;
    return Array.from({ length: end - start }, (_, at) => [
      valueAt(arrow, keys, start + at, type.key),
      valueAt(arrow, values, start + at, type.value),
    ]);
  }
  return null;
}

/** Values as the asked type wants them, where Arrow's own type is a near one (int32 for a long, say). */
function adapt(value: LiteralValue, type: SparkType): LiteralValue {
  if (value === null || value instanceof Uint8Array) return value;
  if (type.kind === 'long' && typeof value === 'number') return BigInt(value);
  if (type.kind === 'array' && Array.isArray(value)) return value.map((item) => adapt(item, type.element));
  if (type.kind === 'struct' && Array.isArray(value)) {
    return type.fields.map((field, index) => adapt((value[index] ?? null) as LiteralValue, field.type));
  }
  return value;
}

/** Decodes a local relation's Arrow stream. `schema` (DDL or JSON) names and types the columns where the client gave one. */
export async function decodeLocalRows(
  arrowIpc: Uint8Array | undefined,
  schemaText: string | undefined,
): Promise<LocalRows> {
  const asked: StructType | undefined = schemaText ? parseSchema(schemaText) : undefined;
  if (arrowIpc === undefined || arrowIpc.byteLength === 0) {
    return { schema: asked ?? { kind: 'struct', fields: [] }, rows: [] };
  }
  const arrow = await import('apache-arrow');
  const table = arrow.tableFromIPC(arrowIpc);
  const fields = table.schema.fields.map((field, index) => ({
    name: asked?.fields[index]?.name ?? field.name,
    type: fromArrow(arrow, field.type),
    nullable: asked?.fields[index]?.nullable ?? field.nullable,
  }));
  const columns = fields.map((field, index) => {
    const column = table.getChildAt(index)!;
    const type = asked?.fields[index]?.type ?? field.type;
    return Array.from({ length: table.numRows }, (_, row) =>
      adapt(valueAt(arrow, column, row, field.type), type),
    );
  });
  const rows = Array.from({ length: table.numRows }, (_, row) => columns.map((column) => column[row]!));
  const typed = fields.map((field, index) => ({ ...field, type: asked?.fields[index]?.type ?? field.type }));
  return { schema: { kind: 'struct', fields: typed }, rows };
}
