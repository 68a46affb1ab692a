const MICROS_PER_SECOND = 1_000_000n;
const MS_PER_DAY = 86_400_000;

/** A date as Spark prints it; `days` since 1970. */
export function dateText(days: number): string {
  return isoDate(new Date(days * MS_PER_DAY));
}

/** A time without zone as Spark prints it: no fraction when it is zero, no trailing zeros. */
export function timestampText(micros: bigint): string {
  let seconds = micros / MICROS_PER_SECOND;
  let fraction = micros % MICROS_PER_SECOND;
  if (fraction < 0n) {
    fraction += MICROS_PER_SECOND;
    seconds -= 1n;
  }
  const date = new Date(Number(seconds) * 1000);
  const clock = [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()]
    .map((part) => String(part).padStart(2, '0'))
    .join(':');
  const digits = fraction === 0n ? '' : `.${String(fraction).padStart(6, '0').replace(/0+$/, '')}`;
  return `${isoDate(date)} ${clock}${digits}`;
}

/** An instant in a zone, as Spark prints it. */
export function instantText(micros: bigint, timeZone: string): string {
  return timestampText(micros + BigInt(offsetSeconds(micros, timeZone)) * MICROS_PER_SECOND);
}

function isoDate(date: Date): string {
  const year = date.getUTCFullYear();
  const sign = year > 9999 ? '+' : year < 0 ? '-' : '';
  const month = String(date.getUTCMonth() + 1).padStart(2, '0');
  return `${sign}${String(Math.abs(year)).padStart(4, '0')}-${month}-${String(date.getUTCDate()).padStart(2, '0')}`;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(timeZone: string): Intl.DateTimeFormat {
  let format = formats.get(timeZone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      hourCycle: 'h23',
      era: 'short',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formats.set(timeZone, format);
  }
  return format;
}

/** How far a zone's clock is ahead of UTC at an instant. */
function offsetSeconds(micros: bigint, timeZone: string): number {
  if (timeZone === 'UTC' || timeZone === 'Etc/UTC' || timeZone === 'Z') return 0;
  // Floored to whole seconds, so that a fraction before 1970 does not count as the next second.
  const seconds = Number(micros / MICROS_PER_SECOND) - (micros % MICROS_PER_SECOND < 0n ? 1 : 0);
  const parts = Object.fromEntries(
    formatOf(timeZone)
      .formatToParts(new Date(seconds * 1000))
      .map(({ type, value }) => [type, value]),
  ) as Record<'era' | 'year' | 'month' | 'day' | 'hour' | 'minute' | 'second', string>;
  const year = parts.era.startsWith('B') ? 1 - Number(parts.year) : Number(parts.year);
  const local = new Date(0);
  local.setUTCFullYear(year, Number(parts.month) - 1, Number(parts.day));
  local.setUTCHours(Number(parts.hour), Number(parts.minute), Number(parts.second));
  return local.getTime() / 1000 - seconds;
}
