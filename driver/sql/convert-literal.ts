import { QuarryError } from '../../common/quarry-error.ts';
import { unsupported } from '../plan/errors.ts';
import type { UnresolvedExpression } from '../plan/unresolved.ts';
import type { Ast } from './ast.ts';

const INT_MAX = 2_147_483_647n;
const LONG_MAX = 9_223_372_036_854_775_807n;
const DAY_MS = 86_400_000;
const SECOND_US = 1_000_000n;

/** Microseconds of each unit of a day-time interval. */
const UNIT_US: Readonly<Record<string, bigint>> = {
  microsecond: 1n,
  millisecond: 1000n,
  second: SECOND_US,
  minute: 60n * SECOND_US,
  hour: 3600n * SECOND_US,
  day: 86_400n * SECOND_US,
  week: 7n * 86_400n * SECOND_US,
};
const UNIT_MONTHS: Readonly<Record<string, number>> = { month: 1, quarter: 3, year: 12 };
const DAY_TIME_FIELDS = ['day', 'hour', 'minute', 'second'];

/** Spark's rule: int, then bigint, then decimal; a point makes a decimal, an exponent a double. */
export function numberLiteral(text: string): UnresolvedExpression {
  if (/[eE]/.test(text)) return { kind: 'literal', value: Number(text), type: { kind: 'double' } };
  if (!text.includes('.')) {
    const value = BigInt(text);
    if (value <= INT_MAX) return { kind: 'literal', value: Number(value), type: { kind: 'integer' } };
    if (value <= LONG_MAX) return { kind: 'literal', value, type: { kind: 'long' } };
    return { kind: 'literal', value: text, type: { kind: 'decimal', precision: text.length, scale: 0 } };
  }
  const [whole = '', fraction = ''] = text.split('.');
  const scale = fraction.length;
  const precision = Math.max(whole.replace(/^0+/, '').length + scale, 1);
  const value = `${whole === '' ? '0' : whole}${scale === 0 ? '' : `.${fraction}`}`;
  return { kind: 'literal', value, type: { kind: 'decimal', precision, scale } };
}

function castText(text: string, kind: 'date' | 'timestamp' | 'timestamp_ntz'): UnresolvedExpression {
  const input: UnresolvedExpression = { kind: 'literal', value: text, type: { kind: 'string' } };
  return { kind: 'cast', input, type: { kind }, try: false };
}

function dateLiteral(text: string): UnresolvedExpression {
  const days = /^\d{4}-\d{1,2}-\d{1,2}$/.test(text)
    ? Date.UTC(
        ...(text.split('-').map((part, index) => Number(part) - (index === 1 ? 1 : 0)) as [
          number,
          number,
          number,
        ]),
      ) / DAY_MS
    : Number.NaN;
  if (Number.isNaN(days)) return castText(text, 'date');
  return { kind: 'literal', value: days, type: { kind: 'date' } };
}

export function convertLiteral(node: Ast): UnresolvedExpression {
  const value = node.text('value') ?? '';
  switch (node.text('literal_type')) {
    case 'number':
      return numberLiteral(value);
    case 'date':
      return dateLiteral(value);
    case 'timestamp':
    case 'date_time':
      return castText(value, 'timestamp');
    case 'hex_string':
      return { kind: 'literal', value: Buffer.from(value, 'hex'), type: { kind: 'binary' } };
    default:
      return { kind: 'literal', value, type: { kind: 'string' } };
  }
}

function dayTime(value: string, unit: string): UnresolvedExpression {
  const scale = UNIT_US[unit]!;
  const [whole = '0', fraction = ''] = value.replace(/^[+-]/, '').split('.');
  const part = fraction === '' ? 0n : (BigInt(fraction.padEnd(6, '0').slice(0, 6)) * scale) / SECOND_US;
  const amount = BigInt(whole) * scale + part;
  const field = Math.max(
    DAY_TIME_FIELDS.indexOf(unit === 'week' ? 'day' : unit),
    unit.endsWith('second') ? 3 : 0,
  );
  return {
    kind: 'literal',
    value: value.startsWith('-') ? -amount : amount,
    type: { kind: 'day_time_interval', start: field, end: field },
  };
}

/** `1-2` as years and months, `1 02:03:04.5` as days and a time. */
function spanned(value: string, from: string): UnresolvedExpression {
  const negative = value.startsWith('-');
  const text = value.replace(/^[+-]/, '');
  if (from === 'year') {
    const [years = '0', months = '0'] = text.split('-');
    const total = Number(years) * 12 + Number(months);
    return {
      kind: 'literal',
      value: negative ? -total : total,
      type: { kind: 'year_month_interval', start: 0, end: 1 },
    };
  }
  const match = /^(?:(\d+) )?(?:(\d+)(?::(\d+))?(?::(\d+(?:\.\d+)?))?)?$/.exec(text);
  if (match === null) throw badInterval(value);
  const [, days = '0', hours = '0', minutes = '0', seconds = '0'] = match;
  const [whole = '0', fraction = ''] = seconds.split('.');
  const total =
    BigInt(days) * UNIT_US['day']! +
    BigInt(hours) * UNIT_US['hour']! +
    BigInt(minutes) * UNIT_US['minute']! +
    BigInt(whole) * SECOND_US +
    BigInt(fraction.padEnd(6, '0').slice(0, 6));
  return {
    kind: 'literal',
    value: negative ? -total : total,
    type: { kind: 'day_time_interval', start: 0, end: 3 },
  };
}

function badInterval(value: string): QuarryError {
  return new QuarryError(
    'PARSE',
    `[INVALID_INTERVAL_FORMAT] Error parsing '${value}' to interval. SQLSTATE: 22006`,
    {
      details: { errorClass: 'INVALID_INTERVAL_FORMAT', sqlState: '22006' },
    },
  );
}

/** `1 day 2 hours`, in one text. */
function textInterval(text: string): UnresolvedExpression {
  const parts = [...text.matchAll(/([+-]?\d+(?:\.\d+)?)\s*([a-z]+)/gi)];
  if (parts.length === 0) throw badInterval(text);
  const literals = parts.map(([, amount, unit]) => simpleInterval(amount!, unit!));
  return literals.reduce((left, right) => ({
    kind: 'function',
    name: '+',
    args: [left, right],
    distinct: false,
  }));
}

function simpleInterval(value: string, unitName: string): UnresolvedExpression {
  const unit = unitName.toLowerCase().replace(/s$/, '');
  const months = UNIT_MONTHS[unit];
  if (months !== undefined) {
    const field = unit === 'year' ? 0 : 1;
    return {
      kind: 'literal',
      value: Number(value) * months,
      type: { kind: 'year_month_interval', start: field, end: field },
    };
  }
  if (UNIT_US[unit] === undefined || !/^[+-]?\d+(\.\d+)?$/.test(value))
    throw badInterval(`${value} ${unitName}`);
  return dayTime(value, unit);
}

/** INTERVAL in all its spellings. */
export function convertInterval(node: Ast): UnresolvedExpression {
  const value = node.maybeChild('this');
  const negative = value?.kind === 'neg';
  const amount = negative ? value.child('this') : value;
  if (amount?.kind !== 'literal') throw unsupported('An interval of a computed length (use make_interval)');
  const text = `${negative ? '-' : ''}${amount.text('value') ?? ''}`.trim();
  const unit = node.part('unit');
  if (unit === undefined) return textInterval(text);
  if (unit.text('type') === 'span') return spanned(text, (unit.text('this') ?? '').toLowerCase());
  return simpleInterval(text, unit.text('unit') ?? '');
}
