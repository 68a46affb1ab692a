const COUNT = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const RATE = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 2 });
const SHARE = new Intl.NumberFormat('en-US', {
  style: 'percent',
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
});
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** What stands where nothing is known. */
export const UNKNOWN = '–';

/** 12,345 */
export function formatCount(value: number | null): string {
  return value === null ? UNKNOWN : COUNT.format(value);
}

/** Events per second: 4.2 below ten, 4,200 above. */
export function formatRate(value: number | null): string {
  if (value === null) return UNKNOWN;
  return Math.abs(value) < 10 ? RATE.format(value) : COUNT.format(value);
}

/** 12.3% of a whole; nothing of nothing is nothing. */
export function formatShare(part: number, whole: number): string {
  return SHARE.format(whole === 0 ? 0 : part / whole);
}

/** 10:05, UTC. */
export function formatMinute(ms: number): string {
  return new Date(ms).toISOString().slice(11, 16);
}

/** 10:05:09, UTC. */
export function formatClock(ms: number): string {
  return new Date(ms).toISOString().slice(11, 19);
}

/** 22 Nov 2026, UTC. */
export function formatDay(ms: number): string {
  const date = new Date(ms);
  return `${formatDayOfMonth(ms)} ${date.getUTCFullYear()}`;
}

/** 22 Nov, UTC. */
export function formatDayOfMonth(ms: number): string {
  const date = new Date(ms);
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}`;
}

/** 22 Nov 2026 10:05:09, UTC. */
export function formatInstant(iso: string | null): string {
  const ms = iso === null ? Number.NaN : Date.parse(iso);
  return Number.isNaN(ms) ? UNKNOWN : `${formatDay(ms)} ${formatClock(ms)}`;
}

/** 850 ms, 9 s, 10 min 3 s, 3 h 20 min, 4 d 2 h. */
export function formatDuration(ms: number | null): string {
  if (ms === null) return UNKNOWN;
  const rest = Math.max(0, ms);
  if (rest < 1000) return `${Math.round(rest)} ms`;
  const seconds = Math.floor(rest / 1000);
  if (seconds < 60) return `${seconds} s`;
  const units: readonly (readonly [number, string])[] = [
    [86_400, 'd'],
    [3_600, 'h'],
    [60, 'min'],
    [1, 's'],
  ];
  const first = units.findIndex(([length]) => seconds >= length);
  return units
    .slice(first, first + 2)
    .map(
      ([length, unit], at) =>
        [
          at === 0 ? Math.floor(seconds / length) : Math.floor((seconds % units[first]![0]) / length),
          unit,
        ] as const,
    )
    .filter(([count], at) => at === 0 || count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ');
}

/** The UTC day, YYYY-MM-DD. */
export function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

export function dayStartMs(day: string): number {
  return Date.parse(`${day}T00:00:00Z`);
}

/** Ends as a sentence does; messages of others may already. */
export function asSentence(text: string): string {
  return /[.?!]$/.test(text) ? text : `${text}.`;
}
