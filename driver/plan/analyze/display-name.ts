import type { LiteralValue } from '../expression.ts';
import type { SparkType } from '../spark-type.ts';

const DAY_MS = 86_400_000;

function dateText(days: number): string {
  return new Date(days * DAY_MS).toISOString().slice(0, 10);
}

function timeText(microseconds: bigint): string {
  const text = new Date(Number(microseconds / 1000n)).toISOString();
  const fraction = (((microseconds % 1_000_000n) + 1_000_000n) % 1_000_000n).toString().padStart(6, '0');
  const trimmed = fraction.replace(/0+$/, '');
  return `${text.slice(0, 10)} ${text.slice(11, 19)}${trimmed === '' ? '' : `.${trimmed}`}`;
}

/** As Java's Double.toString: 1.0, 1.0E10, NaN. */
export function doubleText(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity';
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  const magnitude = Math.abs(value);
  if (magnitude >= 1e-3 && magnitude < 1e7) return Number.isInteger(value) ? `${value}.0` : String(value);
  const [mantissa, exponent] = value.toExponential().split('e');
  return `${mantissa!.includes('.') ? mantissa : `${mantissa}.0`}E${Number(exponent)}`;
}

/** How Spark writes a constant inside a column name. */
export function literalName(value: LiteralValue, type: SparkType): string {
  if (value === null) return 'NULL';
  switch (type.kind) {
    case 'date':
      return `DATE '${dateText(Number(value))}'`;
    case 'timestamp':
      return `TIMESTAMP '${timeText(BigInt(String(value)))}'`;
    case 'timestamp_ntz':
      return `TIMESTAMP_NTZ '${timeText(BigInt(String(value)))}'`;
    case 'float':
    case 'double':
      return doubleText(Number(value));
    case 'binary':
      return `X'${Buffer.from(value as Uint8Array)
        .toString('hex')
        .toUpperCase()}'`;
    case 'array':
      return `ARRAY(${(value as readonly LiteralValue[]).map((item) => literalName(item, type.element)).join(', ')})`;
    case 'year_month_interval':
      if (type.start === 1 && type.end === 1) return `INTERVAL '${Number(value)}' MONTH`;
      if (type.start === 0 && type.end === 0) return `INTERVAL '${Number(value) / 12}' YEAR`;
      return `INTERVAL '${Math.trunc(Number(value) / 12)}-${Math.abs(Number(value) % 12)}' YEAR TO MONTH`;
    case 'day_time_interval':
      if (type.start === 0 && type.end === 0)
        return `INTERVAL '${BigInt(String(value)) / 86_400_000_000n}' DAY`;
      return `INTERVAL '${dayTimeText(BigInt(String(value)))}' DAY TO SECOND`;
    default:
      return String(value);
  }
}

function dayTimeText(microseconds: bigint): string {
  const sign = microseconds < 0n ? '-' : '';
  const all = microseconds < 0n ? -microseconds : microseconds;
  const seconds = all / 1_000_000n;
  const two = (value: bigint): string => value.toString().padStart(2, '0');
  const fraction = (all % 1_000_000n).toString().padStart(6, '0').replace(/0+$/, '');
  return `${sign}${seconds / 86_400n} ${two((seconds / 3600n) % 24n)}:${two((seconds / 60n) % 60n)}:${two(seconds % 60n)}${fraction === '' ? '' : `.${fraction}`}`;
}
