import type { Data } from 'apache-arrow';
import { assert } from '../../common/assert.ts';
import type { SparkType } from '../plan/spark-type.ts';
import { javaDouble, javaFloat } from './java-number.ts';
import { dateText, instantText, timestampText } from './time-text.ts';

/**
 * A cell of a result as `df.show()` prints it, by Spark's rules for the column's type. `data` is one column of one
 * record batch as it was read from IPC, so that its buffers start at its first row.
 */
export function cellText(data: Data, index: number, type: SparkType, timeZone: string): string {
  if (!data.getValid(index)) return 'NULL';
  switch (type.kind) {
    case 'null':
      return 'NULL';
    case 'boolean':
      return String((((data.values as Uint8Array)[index >> 3]! >> (index & 7)) & 1) === 1);
    case 'byte':
    case 'short':
    case 'integer':
    case 'long':
      return String((data.values as ArrayLike<number | bigint>)[index]);
    case 'float':
      return javaFloat((data.values as Float32Array)[index]!);
    case 'double':
      return javaDouble((data.values as Float64Array)[index]!);
    case 'decimal':
      return decimalText(wideInteger(data.values as Uint32Array, index), type.scale);
    case 'string':
      return new TextDecoder().decode(variableBytes(data, index));
    case 'binary':
      return `[${[...variableBytes(data, index)].map(hexByte).join(' ')}]`;
    case 'date':
      return dateText((data.values as Int32Array)[index]!);
    case 'timestamp':
      return instantText((data.values as BigInt64Array)[index]!, timeZone);
    case 'timestamp_ntz':
      return timestampText((data.values as BigInt64Array)[index]!);
    case 'day_time_interval':
      return dayTimeText((data.values as BigInt64Array)[index]!, type.start, type.end);
    case 'year_month_interval':
      return yearMonthText((data.values as Int32Array)[index]!, type.start, type.end);
    case 'calendar_interval':
      return calendarText(data.values as Int32Array, index);
    case 'array':
    case 'map':
    case 'struct':
      return nestedText(data, index, type, timeZone);
  }
}

type NestedType = Extract<SparkType, { kind: 'array' | 'map' | 'struct' }>;

function nestedText(data: Data, index: number, type: NestedType, timeZone: string): string {
  if (type.kind === 'struct') {
    const fields = type.fields.map((field, i) => cellText(data.children[i]!, index, field.type, timeZone));
    return `{${fields.join(', ')}}`;
  }
  const offsets = data.valueOffsets as Int32Array;
  const items = Array.from({ length: offsets[index + 1]! - offsets[index]! }, (_, i) => offsets[index]! + i);
  const child = data.children[0]!;
  if (type.kind === 'array') {
    return `[${items.map((item) => cellText(child, item, type.element, timeZone)).join(', ')}]`;
  }
  const [keys, values] = child.children;
  assert(keys !== undefined && values !== undefined, 'an Arrow map is a list of pairs');
  const entries = items.map(
    (item) =>
      `${cellText(keys, item, type.key, timeZone)} -> ${cellText(values, item, type.value, timeZone)}`,
  );
  return `{${entries.join(', ')}}`;
}

function variableBytes(data: Data, index: number): Uint8Array {
  const offsets = data.valueOffsets as Int32Array;
  return (data.values as Uint8Array).subarray(Number(offsets[index]), Number(offsets[index + 1]));
}

function hexByte(byte: number): string {
  return byte.toString(16).toUpperCase().padStart(2, '0');
}

/** A 128-bit two's complement integer in four little-endian words. */
function wideInteger(words: Uint32Array, index: number): bigint {
  const at = index * 4;
  let value = BigInt(words[at + 3]! | 0);
  for (let word = 2; word >= 0; word--) value = (value << 32n) | BigInt(words[at + word]!);
  return value;
}

export function decimalText(unscaled: bigint, scale: number): string {
  const sign = unscaled < 0n ? '-' : '';
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0');
  if (scale === 0) return sign + digits;
  return `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

const DAY_TIME_FIELDS = ['DAY', 'HOUR', 'MINUTE', 'SECOND'];
const DAY_TIME_MICROS = [86_400_000_000n, 3_600_000_000n, 60_000_000n, 1_000_000n];

/** `INTERVAL '1 02:03:04.5' DAY TO SECOND` */
function dayTimeText(micros: bigint, start: number, end: number): string {
  const sign = micros < 0n ? '-' : '';
  let rest = micros < 0n ? -micros : micros;
  let text = '';
  for (let field = start; field <= end; field++) {
    const unit = DAY_TIME_MICROS[field]!;
    const digits = field === start ? String(rest / unit) : String(rest / unit).padStart(2, '0');
    text += `${field === start ? '' : field === 1 ? ' ' : ':'}${digits}`;
    rest %= unit;
  }
  if (end === 3 && rest > 0n) text += `.${String(rest).padStart(6, '0').replace(/0+$/, '')}`;
  return `INTERVAL '${sign}${text}' ${fieldRange(DAY_TIME_FIELDS, start, end)}`;
}

/** `INTERVAL '1-2' YEAR TO MONTH` */
function yearMonthText(months: number, start: number, end: number): string {
  const sign = months < 0 ? '-' : '';
  const magnitude = Math.abs(months);
  const year = Math.trunc(magnitude / 12);
  const text = start === end ? String(start === 0 ? year : magnitude) : `${year}-${magnitude % 12}`;
  return `INTERVAL '${sign}${text}' ${fieldRange(['YEAR', 'MONTH'], start, end)}`;
}

function fieldRange(names: readonly string[], start: number, end: number): string {
  return start === end ? names[start]! : `${names[start]} TO ${names[end]}`;
}

/** `1 years 2 months 3 days 4 hours`: months, days and nanoseconds of Arrow's interval, 16 bytes a value. */
function calendarText(words: Int32Array, index: number): string {
  const at = index * 4;
  const months = words[at]!;
  const nanos = new BigInt64Array(
    words.buffer.slice(words.byteOffset + at * 4 + 8, words.byteOffset + at * 4 + 16),
  );
  const micros = nanos[0]! / 1000n;
  const parts = [
    unitText(BigInt(Math.trunc(months / 12)), 'years'),
    unitText(BigInt(months % 12), 'months'),
    unitText(BigInt(words[at + 1]!), 'days'),
    unitText(micros / 3_600_000_000n, 'hours'),
    unitText((micros / 60_000_000n) % 60n, 'minutes'),
    secondsText(micros % 60_000_000n),
  ].filter((part) => part !== '');
  return parts.length === 0 ? '0 seconds' : parts.join(' ');
}

function unitText(count: bigint, unit: string): string {
  return count === 0n ? '' : `${count} ${unit}`;
}

function secondsText(micros: bigint): string {
  if (micros === 0n) return '';
  const text = decimalText(micros, 6).replace(/0+$/, '').replace(/\.$/, '');
  return `${text} seconds`;
}
