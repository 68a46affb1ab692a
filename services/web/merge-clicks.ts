import type { ClickSource, ClicksAnswer, MinutePoint } from '../../common/serving-api.ts';

export const MINUTE_MS = 60_000;
export const DAY_MS = 86_400_000;

/** minute in ms since 1970 -> product -> clicks. */
export type MinuteCounts = ReadonlyMap<number, ReadonlyMap<string, number>>;

export interface DayCounts {
  readonly source: ClickSource;
  readonly counts: MinuteCounts;
}

/** The UTC day of an instant, YYYY-MM-DD. */
export function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

export function dayStartMs(ds: string): number {
  return Date.parse(`${ds}T00:00:00Z`);
}

/** Every UTC day that has an instant in [fromMs, untilMs). */
export function daysOf(fromMs: number, untilMs: number): string[] {
  const days: string[] = [];
  for (let at = dayStartMs(dayOf(fromMs)); at < untilMs; at += DAY_MS) days.push(dayOf(at));
  return days;
}

/**
 * Each day's counts: the batch view's where the nightly job has written that day, the speed view's else. The day that runs
 * now is never the batch view's, whoever wrote it there: it is not finished.
 */
export function chooseDays(
  days: readonly string[],
  today: string,
  batch: ReadonlyMap<string, MinuteCounts>,
  speed: ReadonlyMap<string, MinuteCounts>,
): Map<string, DayCounts> {
  return new Map(
    days.map((ds) => {
      const finished = ds < today ? batch.get(ds) : undefined;
      return [
        ds,
        finished === undefined
          ? { source: 'speed', counts: speed.get(ds) ?? new Map() }
          : { source: 'batch', counts: finished },
      ];
    }),
  );
}

export interface ClickRange {
  readonly fromMs: number;
  readonly untilMs: number;
  /** Undefined for all. */
  readonly product: string | undefined;
  /** Series that are wanted; Infinity for all. */
  readonly limit: number;
}

/** One series a product, from the days of the range in order; those beyond the limit as one. */
export function mergeClicks(
  { fromMs, untilMs, product, limit }: ClickRange,
  days: ReadonlyMap<string, DayCounts>,
): Omit<ClicksAnswer, 'unavailable'> {
  const points = new Map<string, MinutePoint[]>();
  for (const { counts } of days.values()) {
    for (const minuteMs of [...counts.keys()].toSorted((a, b) => a - b)) {
      if (minuteMs < fromMs || minuteMs >= untilMs) continue;
      for (const [name, clicks] of counts.get(minuteMs)!) {
        if (product !== undefined && name !== product) continue;
        const known = points.get(name);
        if (known === undefined) points.set(name, [[minuteMs, clicks]]);
        else known.push([minuteMs, clicks]);
      }
    }
  }
  const series = [...points]
    .map(([name, of]) => ({ product: name, points: of, total: of.reduce((sum, [, n]) => sum + n, 0) }))
    .toSorted((a, b) => b.total - a.total || compare(a.product, b.product));
  const lastBatch = [...days].findLast(([, { source }]) => source === 'batch')?.[0];
  const seamMs = lastBatch === undefined ? fromMs : Math.min(untilMs, dayStartMs(lastBatch) + DAY_MS);
  return {
    timezone: 'UTC',
    from: new Date(fromMs).toISOString(),
    until: new Date(untilMs).toISOString(),
    seam: new Date(seamMs).toISOString(),
    days: [...days].map(([ds, { source }]) => ({ ds, source })),
    products: series.length,
    series: series.slice(0, limit).map((one) => ({ product: one.product, points: one.points })),
    others: sumOf(series.slice(limit).map((one) => one.points)),
  };
}

function sumOf(series: readonly (readonly MinutePoint[])[]): MinutePoint[] {
  const sums = new Map<number, number>();
  for (const points of series)
    for (const [minuteMs, clicks] of points) sums.set(minuteMs, (sums.get(minuteMs) ?? 0) + clicks);
  return [...sums].toSorted(([a], [b]) => a - b);
}

/** Products by clicks, most first; equal ones by name, as the nightly job ranks them. */
export function rankProducts(counts: MinuteCounts): { position: number; product: string; clicks: number }[] {
  const totals = new Map<string, number>();
  for (const products of counts.values()) {
    for (const [product, clicks] of products) totals.set(product, (totals.get(product) ?? 0) + clicks);
  }
  return [...totals]
    .toSorted(([a, x], [b, y]) => y - x || compare(a, b))
    .map(([product, clicks], at) => ({ position: at + 1, product, clicks }));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
