import type { SparkType, StructField } from '../spark-type.ts';

export const PRECISION_MAX = 38;
const INTEGRAL = ['byte', 'short', 'integer', 'long'] as const;
const INTEGRAL_DIGITS = { byte: 3, short: 5, integer: 10, long: 20 } as const;
/** An adjusted result keeps at least this many digits behind the point. */
const MINIMUM_ADJUSTED_SCALE = 6;

type IntegralKind = (typeof INTEGRAL)[number];
export type DecimalType = Extract<SparkType, { kind: 'decimal' }>;

export const BOOLEAN: SparkType = { kind: 'boolean' };
export const INTEGER: SparkType = { kind: 'integer' };
export const LONG: SparkType = { kind: 'long' };
export const DOUBLE: SparkType = { kind: 'double' };
export const STRING: SparkType = { kind: 'string' };
export const BINARY: SparkType = { kind: 'binary' };
export const DATE: SparkType = { kind: 'date' };
export const TIMESTAMP: SparkType = { kind: 'timestamp' };
export const TIMESTAMP_NTZ: SparkType = { kind: 'timestamp_ntz' };
export const NULL: SparkType = { kind: 'null' };

export function arrayOf(element: SparkType, containsNull = true): SparkType {
  return { kind: 'array', element, containsNull };
}

export function isIntegral(type: SparkType): type is SparkType & { readonly kind: IntegralKind } {
  return (INTEGRAL as readonly string[]).includes(type.kind);
}

export function isNumeric(type: SparkType): boolean {
  return isIntegral(type) || type.kind === 'decimal' || type.kind === 'float' || type.kind === 'double';
}

export function isInterval(type: SparkType): boolean {
  return type.kind.endsWith('_interval');
}

export function isTimestamp(type: SparkType): boolean {
  return type.kind === 'timestamp' || type.kind === 'timestamp_ntz';
}

/** Equal as values: nullability inside arrays, maps and structs does not count. */
export function sameType(a: SparkType, b: SparkType): boolean {
  if (a.kind === 'decimal') return b.kind === 'decimal' && a.precision === b.precision && a.scale === b.scale;
  if (a.kind === 'array') return b.kind === 'array' && sameType(a.element, b.element);
  if (a.kind === 'map') return b.kind === 'map' && sameType(a.key, b.key) && sameType(a.value, b.value);
  if (a.kind === 'struct') {
    return (
      b.kind === 'struct' &&
      a.fields.length === b.fields.length &&
      a.fields.every(
        (field, index) => field.name === b.fields[index]!.name && sameType(field.type, b.fields[index]!.type),
      )
    );
  }
  return a.kind === b.kind;
}

/** The decimal that holds every value of an integral type; a decimal itself; undefined for others. */
export function asDecimal(type: SparkType): DecimalType | undefined {
  if (type.kind === 'decimal') return type;
  if (!isIntegral(type)) return undefined;
  return { kind: 'decimal', precision: INTEGRAL_DIGITS[type.kind], scale: 0 };
}

/** Spark's rule when a result needs more than 38 digits: digits before the point win, down to 6 behind it. */
export function adjustedDecimal(precision: number, scale: number): DecimalType {
  if (precision <= PRECISION_MAX) return { kind: 'decimal', precision, scale };
  const integerDigits = precision - scale;
  const minimumScale = Math.min(scale, MINIMUM_ADJUSTED_SCALE);
  return {
    kind: 'decimal',
    precision: PRECISION_MAX,
    scale: Math.max(PRECISION_MAX - integerDigits, minimumScale),
  };
}

export function boundedDecimal(precision: number, scale: number): DecimalType {
  return {
    kind: 'decimal',
    precision: Math.min(precision, PRECISION_MAX),
    scale: Math.min(scale, PRECISION_MAX),
  };
}

function widerDecimal(a: DecimalType, b: DecimalType): DecimalType {
  const scale = Math.max(a.scale, b.scale);
  return boundedDecimal(scale + Math.max(a.precision - a.scale, b.precision - b.scale), scale);
}

function widerNumeric(a: SparkType, b: SparkType): SparkType | undefined {
  if (isIntegral(a) && isIntegral(b)) return INTEGRAL.indexOf(a.kind) >= INTEGRAL.indexOf(b.kind) ? a : b;
  if (a.kind === 'double' || b.kind === 'double') return DOUBLE;
  if (a.kind === 'float' || b.kind === 'float') {
    const other = a.kind === 'float' ? b : a;
    // An int or a long does not fit a float's 24 bits.
    return other.kind === 'float' || other.kind === 'byte' || other.kind === 'short'
      ? { kind: 'float' }
      : DOUBLE;
  }
  const left = asDecimal(a);
  const right = asDecimal(b);
  return left && right ? widerDecimal(left, right) : undefined;
}

function widerTemporal(a: SparkType, b: SparkType): SparkType | undefined {
  const kinds = [a.kind, b.kind];
  if (!kinds.every((kind) => kind === 'date' || kind === 'timestamp' || kind === 'timestamp_ntz')) {
    return undefined;
  }
  return kinds.includes('timestamp') ? TIMESTAMP : TIMESTAMP_NTZ;
}

/** A text beside another type takes that type, as ANSI has it: whole numbers become bigint, others double. */
function widerWithString(other: SparkType): SparkType | undefined {
  if (isIntegral(other)) return LONG;
  if (isNumeric(other)) return DOUBLE;
  if (other.kind === 'array' || other.kind === 'map' || other.kind === 'struct') return undefined;
  return other;
}

function widerStruct(a: readonly StructField[], b: readonly StructField[]): SparkType | undefined {
  if (a.length !== b.length) return undefined;
  const fields: StructField[] = [];
  for (const [index, field] of a.entries()) {
    const other = b[index]!;
    const type = commonType(field.type, other.type);
    if (type === undefined || field.name.toLowerCase() !== other.name.toLowerCase()) return undefined;
    fields.push({ name: field.name, type, nullable: field.nullable || other.nullable });
  }
  return { kind: 'struct', fields };
}

function widerNested(a: SparkType, b: SparkType): SparkType | undefined {
  if (a.kind === 'array' && b.kind === 'array') {
    const element = commonType(a.element, b.element);
    return element && arrayOf(element, a.containsNull || b.containsNull);
  }
  if (a.kind === 'map' && b.kind === 'map') {
    const key = commonType(a.key, b.key);
    const value = commonType(a.value, b.value);
    if (!key || !value) return undefined;
    return { kind: 'map', key, value, valueContainsNull: a.valueContainsNull || b.valueContainsNull };
  }
  if (a.kind === 'struct' && b.kind === 'struct') return widerStruct(a.fields, b.fields);
  return undefined;
}

/** The type two values are brought to before they are compared, unioned or chosen between; undefined when there is none. */
export function commonType(a: SparkType, b: SparkType): SparkType | undefined {
  if (a.kind === 'null') return b;
  if (b.kind === 'null') return a;
  if (sameType(a, b)) return widerNested(a, b) ?? a;
  if (isNumeric(a) && isNumeric(b)) return widerNumeric(a, b);
  if (a.kind === 'string') return widerWithString(b);
  if (b.kind === 'string') return widerWithString(a);
  return widerTemporal(a, b) ?? widerNested(a, b);
}

/** Types that Spark casts to a string where a string is asked for. */
export function isAtomic(type: SparkType): boolean {
  return type.kind !== 'array' && type.kind !== 'map' && type.kind !== 'struct';
}
