import { analysisError } from '../errors.ts';

const UNIT_US: Readonly<Record<string, number>> = {
  microsecond: 1,
  millisecond: 1_000,
  second: 1_000_000,
  minute: 60_000_000,
  hour: 3_600_000_000,
  day: 86_400_000_000,
  week: 604_800_000_000,
};

/**
 * Microseconds of `10 minutes`, `interval 1 hour 30 minutes`, `-1 second`: an interval of fixed length, as withWatermark, window and
 * trigger take it. Errors: ANALYSIS (CANNOT_PARSE_INTERVAL), also for months and years, whose length varies.
 */
export function intervalUs(text: string): number {
  const body = text
    .trim()
    .toLowerCase()
    .replace(/^interval\s+/, '');
  const parts = [...body.matchAll(/([+-]?\d+(?:\.\d+)?)\s*([a-z]+)\s*/gy)];
  const read = parts.reduce((length, [part]) => length + part.length, 0);
  let total = 0;
  for (const [, amount, unit] of parts) {
    const unitUs = UNIT_US[unit!.replace(/s$/, '')];
    if (unitUs === undefined) throw unreadable(text);
    total += Math.round(Number(amount) * unitUs);
  }
  if (parts.length === 0 || read !== body.length || !Number.isSafeInteger(total)) throw unreadable(text);
  return total;
}

function unreadable(text: string): Error {
  return analysisError(
    'CANNOT_PARSE_INTERVAL',
    `Unable to parse '${text}'. Please ensure that the value provided is in a valid format for defining an interval of fixed length, such as '10 minutes' or '1 hour 30 seconds'.`,
  );
}
