import { type Data, type DataType as ArrowType, type RecordBatch, tableFromIPC, Type } from 'apache-arrow';
import { QuarryError } from '../quarry-error.ts';

/**
 * A row as an object, by column name; of two columns of one name the last is seen. Spark's types come as
 *
 * | Spark | JavaScript |
 * |---|---|
 * | boolean, tinyint, smallint, int, float, double | boolean, number |
 * | bigint | number where it is a safe integer, else bigint |
 * | decimal | string, which keeps every digit; `toNumber` makes a number |
 * | string, binary | string, Uint8Array |
 * | date | string `YYYY-MM-DD`: a calendar day has no time zone |
 * | timestamp | Date: an instant, cut to milliseconds; cast to string to keep microseconds |
 * | timestamp_ntz | string `YYYY-MM-DD HH:MM:SS[.ffffff]` |
 * | interval day to second, year to month | number of microseconds (bigint when unsafe), of months |
 * | array, struct, map | array, object, Map |
 */
export type Row = Record<string, unknown>;

/** A decimal, or any other numeric cell, as the nearest number; null stays null. */
export function toNumber(cell: unknown): number | null {
  return cell === null || cell === undefined ? null : Number(cell);
}

/** The built-in objects that cells are made of: those of the context whose code will see them. */
export interface CellRealm {
  readonly Date: DateConstructor;
  readonly Map: MapConstructor;
}

/** The rows of one Arrow IPC stream. Errors: BAD_DATA for bytes that are none. */
export function rowsOfArrow(ipc: Uint8Array, realm: CellRealm = globalThis): Row[] {
  const rows: Row[] = [];
  for (const batch of batchesOf(ipc)) {
    const names = batch.schema.fields.map(({ name }) => name);
    const cells = batch.data.children.map((child) => readerOf(child, realm));
    for (let index = 0; index < batch.numRows; index++) {
      const row: Row = {};
      for (let column = 0; column < names.length; column++) row[names[column]!] = cells[column]!(index);
      rows.push(row);
    }
  }
  return rows;
}

function batchesOf(ipc: Uint8Array): readonly RecordBatch[] {
  try {
    return tableFromIPC(ipc).batches;
  } catch (cause) {
    throw new QuarryError('BAD_DATA', 'the server sent a result that is no Arrow stream', { cause });
  }
}

type Reader = (index: number) => unknown;

function readerOf(data: Data, realm: CellRealm): Reader {
  const read = valueReaderOf(data, realm);
  // A column of nothing but nulls has no bitmap to say so.
  if (data.nullCount === 0 || data.type.typeId === Type.Null) return read;
  return (index) => (isValid(data, index) ? read(index) : null);
}

function isValid(data: Data, index: number): boolean {
  const at = data.offset + index;
  return data.nullBitmap.length === 0 || (data.nullBitmap[at >> 3]! & (1 << (at & 7))) !== 0;
}

function valueReaderOf(data: Data, realm: CellRealm): Reader {
  const type: ArrowType = data.type;
  const { values } = data;
  switch (type.typeId) {
    case Type.Null:
      return () => null;
    case Type.Bool:
      return (index) => (values[(data.offset + index) >> 3] & (1 << ((data.offset + index) & 7))) !== 0;
    case Type.Int:
    case Type.Interval:
      return values instanceof BigInt64Array || values instanceof BigUint64Array
        ? (index) => safeNumber(values[index]!)
        : (index) => values[index];
    case Type.Float:
      return (index) => values[index];
    case Type.Decimal: {
      const { scale } = type as ArrowType & { scale: number };
      return (index) => decimalText(values.subarray(4 * index, 4 * index + 4), scale);
    }
    case Type.Utf8:
      return textReaderOf(data);
    case Type.Binary:
      return (index) => values.slice(data.valueOffsets[index], data.valueOffsets[index + 1]);
    case Type.Date:
      return (index) => dayText(values[index]);
    case Type.Timestamp:
      return timestampReaderOf(data, realm);
    case Type.Duration:
      return (index) => safeNumber(values[index]);
    case Type.List: {
      const read = readerOf(data.children[0]!, realm);
      return (index) => range(data.valueOffsets[index]!, data.valueOffsets[index + 1]!, read);
    }
    case Type.Map:
      return mapReaderOf(data, realm);
    case Type.Struct:
      return structReaderOf(data, realm);
    default:
      throw new QuarryError('UNSUPPORTED', `this client does not read the Arrow type ${Type[type.typeId]}`);
  }
}

const decoder = new TextDecoder();

function textReaderOf({ values, valueOffsets }: Data): Reader {
  const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  return (index) => {
    const start = valueOffsets[index]!;
    const end = valueOffsets[index + 1]!;
    // Short texts are the many; Buffer's decoder beats TextDecoder there.
    return end - start < 256
      ? bytes.toString('utf8', start, end)
      : decoder.decode(bytes.subarray(start, end));
  };
}

/** `unit` of Arrow counts 10^-3 seconds: 0 seconds, 1 milli, 2 micro, 3 nano. */
function timestampReaderOf(data: Data, realm: CellRealm): Reader {
  const { unit, timezone } = data.type as ArrowType & { unit: number; timezone: string | null };
  const { values } = data;
  const toMicros = (value: bigint) => (unit === 3 ? value / 1000n : value * 10n ** BigInt(6 - 3 * unit));
  if (timezone === null || timezone === undefined || timezone === '') {
    return (index) => localTimeText(toMicros(values[index]));
  }
  return (index) => new realm.Date(Math.floor(Number(toMicros(values[index])) / 1000));
}

function mapReaderOf(data: Data, realm: CellRealm): Reader {
  const entries = data.children[0]!;
  const key = readerOf(entries.children[0]!, realm);
  const value = readerOf(entries.children[1]!, realm);
  return (index) =>
    new realm.Map(
      range(data.valueOffsets[index]!, data.valueOffsets[index + 1]!, (at) => [key(at), value(at)] as const),
    );
}

function structReaderOf(data: Data, realm: CellRealm): Reader {
  const fields = (data.type as ArrowType & { children: readonly { name: string }[] }).children;
  const readers = data.children.map((child) => readerOf(child, realm));
  return (index) =>
    Object.fromEntries(fields.map(({ name }, column) => [name, readers[column]!(index)] as const));
}

function range<T>(start: number, end: number, read: (at: number) => T): T[] {
  const cells: T[] = [];
  for (let at = start; at < end; at++) cells.push(read(at));
  return cells;
}

function safeNumber(value: bigint | number): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** Four little-endian words in two's complement, with the point `scale` digits from the right. */
function decimalText(words: Uint32Array, scale: number): string {
  let unscaled = 0n;
  for (let at = 3; at >= 0; at--) unscaled = (unscaled << 32n) | BigInt(words[at]!);
  unscaled = BigInt.asIntN(128, unscaled);
  const sign = unscaled < 0n ? '-' : '';
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0');
  return scale === 0 ? sign + digits : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

const DAY_MS = 86_400_000;

function dayText(days: number): string {
  return dateText(days * DAY_MS);
}

/** Years beyond four digits keep their sign, as in `+12345-01-01`. */
function dateText(ms: number): string {
  const text = new Date(ms).toISOString();
  return text.slice(0, text.indexOf('T'));
}

function localTimeText(micros: bigint): string {
  const fraction = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const ms = Number((micros - fraction) / 1000n);
  const time = new Date(ms).toISOString();
  const text = `${dateText(ms)} ${time.slice(time.indexOf('T') + 1, time.indexOf('T') + 9)}`;
  const digits = fraction.toString().padStart(6, '0').replace(/0+$/, '');
  return digits === '' ? text : `${text}.${digits}`;
}
