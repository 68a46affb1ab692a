import type { _spark_connect_Expression_Literal as Literal } from '../../../proto/gen/spark/connect/Expression.ts';
import { unsupported } from '../errors.ts';
import type { LiteralValue } from '../expression.ts';
import type { SparkType } from '../spark-type.ts';
import { NULL, arrayOf, commonType } from '../types/coercion.ts';
import type { UnresolvedExpression } from '../unresolved.ts';
import { decodeType } from './decode-type.ts';

interface Constant {
  readonly value: LiteralValue;
  readonly type: SparkType;
}

/** The fewest digits that hold a decimal text: what a client may leave out. */
function decimalShape(text: string): { precision: number; scale: number } {
  const [whole, fraction = ''] = text.replace('-', '').split('.');
  const scale = fraction.length;
  return { precision: Math.max((whole ?? '').replace(/^0+/, '').length + scale, 1), scale };
}

function typed(
  value: LiteralValue,
  kind: Exclude<
    SparkType['kind'],
    'decimal' | 'array' | 'map' | 'struct' | 'day_time_interval' | 'year_month_interval'
  >,
): Constant {
  return { value, type: { kind } };
}

/** A constant with its type. Nulls carry the type they are sent with. */
export function decodeConstant(literal: Literal): Constant {
  switch (literal.literalType) {
    case 'null':
      return { value: null, type: decodeType(literal.null) };
    case 'binary':
      return typed(literal.binary!, 'binary');
    case 'boolean':
      return typed(literal.boolean!, 'boolean');
    case 'byte':
    case 'short':
    case 'integer':
      return typed(literal[literal.literalType]!, literal.literalType);
    case 'long':
      return typed(BigInt(literal.long!), 'long');
    case 'float':
      // The wire's float arrives widened: its shortest text is what the user wrote.
      return typed(Number(Math.fround(literal.float!).toPrecision(7)), 'float');
    case 'double':
      return typed(literal.double!, 'double');
    case 'decimal': {
      const { value, precision, scale } = literal.decimal!;
      const shape = decimalShape(value);
      return {
        value,
        type: { kind: 'decimal', precision: precision ?? shape.precision, scale: scale ?? shape.scale },
      };
    }
    case 'string':
      return typed(literal.string!, 'string');
    case 'date':
      return typed(literal.date!, 'date');
    case 'timestamp':
      return typed(BigInt(literal.timestamp!), 'timestamp');
    case 'timestampNtz':
      return typed(BigInt(literal.timestampNtz!), 'timestamp_ntz');
    case 'calendarInterval': {
      const { months, days, microseconds } = literal.calendarInterval!;
      return typed(`${months} months ${days} days ${microseconds} microseconds`, 'calendar_interval');
    }
    case 'yearMonthInterval':
      return {
        value: literal.yearMonthInterval!,
        type: { kind: 'year_month_interval', start: 0, end: 1 },
      };
    case 'dayTimeInterval':
      return {
        value: BigInt(literal.dayTimeInterval!),
        type: { kind: 'day_time_interval', start: 0, end: 3 },
      };
    case 'array':
    case 'map':
    case 'struct':
    case 'specializedArray':
      return nested(literal);
    default:
      throw unsupported(`The literal type ${literal.literalType ?? 'of this message'}`);
  }
}

function widest(items: readonly Constant[], declared: SparkType): SparkType {
  if (declared.kind !== 'null') return declared;
  return items.reduce<SparkType>((type, item) => commonType(type, item.type) ?? type, NULL);
}

function nested(literal: Literal): Constant {
  const declared = literal.dataType == null ? undefined : decodeType(literal.dataType);
  if (literal.literalType === 'array') {
    const items = literal.array!.elements.map(decodeConstant);
    const element =
      declared?.kind === 'array' ? declared.element : widest(items, decodeType(literal.array!.elementType));
    return {
      value: items.map(({ value }) => value),
      type: arrayOf(
        element,
        items.some(({ value }) => value === null),
      ),
    };
  }
  if (literal.literalType === 'map') {
    const map = literal.map!;
    const keys = map.keys.map(decodeConstant);
    const values = map.values.map(decodeConstant);
    const type: SparkType =
      declared?.kind === 'map'
        ? declared
        : {
            kind: 'map',
            key: widest(keys, decodeType(map.keyType)),
            value: widest(values, decodeType(map.valueType)),
            valueContainsNull: true,
          };
    return { value: keys.map((key, index) => [key.value, values[index]?.value ?? null]), type };
  }
  if (literal.literalType === 'struct') {
    const struct = literal.struct!;
    const type = declared ?? decodeType(struct.structType);
    return { value: struct.elements.map((element) => decodeConstant(element).value), type };
  }
  return specialized(literal);
}

function specialized(literal: Literal): Constant {
  const list = literal.specializedArray!;
  const of = (
    kind: 'boolean' | 'integer' | 'long' | 'float' | 'double' | 'string',
    values: readonly LiteralValue[],
  ): Constant => ({
    value: values,
    type: arrayOf({ kind }, false),
  });
  switch (list.valueType) {
    case 'bools':
      return of('boolean', list.bools!.values);
    case 'ints':
      return of('integer', list.ints!.values);
    case 'longs':
      return of('long', list.longs!.values.map(BigInt));
    case 'floats':
      return of('float', list.floats!.values);
    case 'doubles':
      return of('double', list.doubles!.values);
    default:
      return of('string', list.strings?.values ?? []);
  }
}

export function decodeLiteral(literal: Literal): UnresolvedExpression {
  return { kind: 'literal', ...decodeConstant(literal) };
}
