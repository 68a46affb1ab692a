import type { Expression } from '../expression.ts';
import {
  PRECISION_MAX,
  adjustedDecimal,
  asDecimal,
  isIntegral,
  type DecimalType,
} from '../types/coercion.ts';
import { bindOnce, type RenderedCall } from './function-spec.ts';

/** A whole-number literal beside a decimal has just the digits it is written with, not its type's ten or twenty. */
export function decimalOperand(input: Expression): DecimalType | undefined {
  if (input.kind === 'literal' && isIntegral(input.type) && input.value !== null) {
    const digits = String(input.value).replace('-', '').length;
    return { kind: 'decimal', precision: digits, scale: 0 };
  }
  return asDecimal(input.type);
}

export function decimalResult(symbol: string, a: DecimalType, b: DecimalType): DecimalType {
  const [p1, s1, p2, s2] = [a.precision, a.scale, b.precision, b.scale];
  switch (symbol) {
    case '*':
      return adjustedDecimal(p1 + p2 + 1, s1 + s2);
    case '/': {
      const scale = Math.max(6, s1 + p2 + 1);
      return adjustedDecimal(p1 - s1 + s2 + scale, scale);
    }
    case '%': {
      const scale = Math.max(s1, s2);
      return adjustedDecimal(Math.min(p1 - s1, p2 - s2) + scale, scale);
    }
    default: {
      const scale = Math.max(s1, s2);
      return adjustedDecimal(Math.max(p1 - s1, p2 - s2) + scale + 1, scale);
    }
  }
}

/** DuckDB widens decimals by its own rule and refuses scales above 38: operands first come to types whose result it can hold. */
export function renderArithmetic(symbol: string, args: readonly string[], call: RenderedCall): string {
  const [left, right] = [args[0]!, args[1]!];
  const [a, b] = [call.args[0]!.type, call.args[1]!.type];
  if (call.type.kind !== 'decimal' || a.kind !== 'decimal' || b.kind !== 'decimal') {
    return `(${left} ${symbol} ${right})`;
  }
  if (symbol !== '*') {
    const wide = `DECIMAL(${Math.min(PRECISION_MAX, call.type.precision)},${call.type.scale})`;
    return `(CAST(${left} AS ${wide}) ${symbol} CAST(${right} AS ${wide}))`;
  }
  const excess = a.scale + b.scale - PRECISION_MAX;
  if (excess <= 0) return `(${left} * ${right})`;
  const scale = Math.max(0, b.scale - excess);
  return `(${left} * CAST(${right} AS DECIMAL(38,${scale})))`;
}

/**
 * Exact decimal division in 128-bit integers, half away from zero: unscaled(a) * 10^k / unscaled(b). Where the numerator
 * could pass 38 digits the kernel's double division stands in.
 */
export function renderDecimalDivision(
  numerator: { sql: string; type: DecimalType },
  denominator: { sql: string; type: DecimalType },
  result: DecimalType,
): string {
  const shift = result.scale + denominator.type.scale - numerator.type.scale;
  if (shift < 0 || numerator.type.precision + shift > PRECISION_MAX) {
    return `(CAST(${numerator.sql} AS DOUBLE) / CAST(${denominator.sql} AS DOUBLE))`;
  }
  const unscaled = (side: { sql: string; type: DecimalType }, extra: number): string => {
    const wide = `CAST(${side.sql} AS DECIMAL(38,${side.type.scale}))`;
    return `CAST(${wide} * CAST(${10n ** BigInt(side.type.scale)} AS DECIMAL(${side.type.scale + 1},0)) AS HUGEINT) * ${10n ** BigInt(extra)}::HUGEINT`;
  };
  const pair = `{'n': ${unscaled(numerator, shift)}, 'd': ${unscaled(denominator, 0)}}`;
  const rounded = `(d.n // d.d) + CASE WHEN 2 * abs(d.n % d.d) >= abs(d.d) THEN CASE WHEN (d.n < 0) = (d.d < 0) THEN 1 ELSE -1 END ELSE 0 END`;
  const digits = PRECISION_MAX - result.scale;
  const scaled =
    result.scale === 0
      ? `CAST(${rounded} AS DECIMAL(38,0))`
      : `CAST(${rounded} AS DECIMAL(${Math.max(digits, 1)},0)) * CAST('0.${'0'.repeat(result.scale - 1)}1' AS DECIMAL(${result.scale},${result.scale}))`;
  // The quotient may use all 38 digits before it is scaled back: DuckDB allows 38 in all, as Spark's result type does.
  return bindOnce('d', pair, scaled);
}
