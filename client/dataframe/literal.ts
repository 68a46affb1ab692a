import { QuarryError } from '../../common/quarry-error.ts';
import type { _spark_connect_Expression_LiteralInput as LiteralInput } from '../../proto/gen/spark/connect/Expression.ts';

/** A value that stands for itself in an expression. Dates are instants (TIMESTAMP); `null` has the type void. */
export type LiteralValue = null | boolean | number | bigint | string | Date | Uint8Array;

const INT_MIN = -(2 ** 31);
const INT_MAX = 2 ** 31 - 1;
const LONG_MIN = -(2n ** 63n);
const LONG_MAX = 2n ** 63n - 1n;

/** Integers become INT where they fit, then BIGINT; other numbers DOUBLE; bigint BIGINT; Date TIMESTAMP; Uint8Array BINARY. Errors: INVALID_ARGUMENT. */
export function literalMessage(value: LiteralValue): LiteralInput {
  if (value === null) return { null: { null: {} } };
  switch (typeof value) {
    case 'boolean':
      return { boolean: value };
    case 'string':
      return { string: value };
    case 'number':
      if (!Number.isSafeInteger(value) || Object.is(value, -0)) return { double: value };
      return value >= INT_MIN && value <= INT_MAX ? { integer: value } : { long: String(value) };
    case 'bigint':
      if (value < LONG_MIN || value > LONG_MAX) {
        throw new QuarryError(
          'INVALID_ARGUMENT',
          `${value} does not fit BIGINT: use expr('CAST(... AS DECIMAL)')`,
        );
      }
      return { long: String(value) };
    default:
      if (value instanceof Date) {
        if (Number.isNaN(value.getTime()))
          throw new QuarryError('INVALID_ARGUMENT', 'an invalid Date has no literal');
        return { timestamp: String(BigInt(value.getTime()) * 1000n) };
      }
      return { binary: Buffer.from(value) };
  }
}

export function isLiteralValue(value: unknown): value is LiteralValue {
  return (
    value === null ||
    ['boolean', 'number', 'bigint', 'string'].includes(typeof value) ||
    value instanceof Date ||
    value instanceof Uint8Array
  );
}
