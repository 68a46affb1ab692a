import type { ClicksAnswer, LiveMinute } from '../common/serving-api.ts';

export const MINUTE_MS = 60_000;

/** The clicks of products that were not loaded one by one. */
const OTHERS = '\u0000others';

/** x in seconds since 1970, then one column a product, as the chart takes them. */
export interface AlignedClicks {
  readonly secondsOf: number[];
  readonly values: number[][];
}

/**
 * The counts that the page shows: what /api/clicks answered, and over it the minutes that came live since it was asked. Values
 * are absolute, so that it does not matter which of the two had a click first.
 */
export class ClickData {
  #minutes = new Map<number, ReadonlyMap<string, number>>();
  readonly #live = new Map<number, { receivedMs: number; counts: ReadonlyMap<string, number> }>();
  #fromMs = 0;
  #untilMs = 0;

  /** `askedMs`: when the answer was asked for, on the clock of `apply`. */
  load(answer: Pick<ClicksAnswer, 'from' | 'until' | 'series' | 'others'>, askedMs: number): void {
    this.#fromMs = Date.parse(answer.from);
    this.#untilMs = Date.parse(answer.until);
    const minutes = new Map<number, Map<string, number>>();
    for (const { product, points } of [...answer.series, { product: OTHERS, points: answer.others }]) {
      for (const [minuteMs, clicks] of points) {
        const counts = minutes.get(minuteMs);
        if (counts === undefined) minutes.set(minuteMs, new Map([[product, clicks]]));
        else counts.set(product, clicks);
      }
    }
    this.#minutes = minutes;
    for (const [minuteMs, { receivedMs, counts }] of this.#live) {
      if (receivedMs < askedMs || !this.#holds(minuteMs)) this.#live.delete(minuteMs);
      else this.#minutes.set(minuteMs, counts);
    }
  }

  /** Minutes outside of what was loaded are left out. */
  apply(minutes: readonly LiveMinute[], receivedMs: number): void {
    for (const [minuteMs, pairs] of minutes) {
      if (!this.#holds(minuteMs)) continue;
      const counts = new Map(pairs);
      this.#live.set(minuteMs, { receivedMs, counts });
      this.#minutes.set(minuteMs, counts);
    }
  }

  /** The newest minute with clicks in [fromMs, untilMs); undefined without any. */
  newestMs(fromMs = this.#fromMs, untilMs = this.#untilMs): number | undefined {
    let newest: number | undefined;
    for (const [minuteMs, counts] of this.#minutes) {
      if (minuteMs < fromMs || minuteMs >= untilMs || counts.size === 0) continue;
      if (newest === undefined || minuteMs > newest) newest = minuteMs;
    }
    return newest;
  }

  oldestMs(fromMs: number, untilMs: number): number | undefined {
    let oldest: number | undefined;
    for (const [minuteMs, counts] of this.#minutes) {
      if (minuteMs < fromMs || minuteMs >= untilMs || counts.size === 0) continue;
      if (oldest === undefined || minuteMs < oldest) oldest = minuteMs;
    }
    return oldest;
  }

  /** Most clicks first, then by product. */
  topProducts(fromMs: number, untilMs: number, count: number): string[] {
    return [...this.#totals(fromMs, untilMs)]
      .filter(([product]) => product !== OTHERS)
      .toSorted(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
      .slice(0, count)
      .map(([product]) => product);
  }

  total(fromMs: number, untilMs: number): number {
    return [...this.#totals(fromMs, untilMs).values()].reduce((sum, clicks) => sum + clicks, 0);
  }

  /** Clicks of all products, minute by minute. */
  perMinute(fromMs: number, untilMs: number): number[] {
    const totals: number[] = [];
    for (let at = fromMs; at < untilMs; at += MINUTE_MS) {
      totals.push([...(this.#minutes.get(at)?.values() ?? [])].reduce((sum, clicks) => sum + clicks, 0));
    }
    return totals;
  }

  /** Every minute of [fromMs, untilMs): one without clicks has 0. */
  aligned(products: readonly string[], fromMs: number, untilMs: number): AlignedClicks {
    const secondsOf: number[] = [];
    const values = products.map((): number[] => []);
    for (let at = fromMs; at < untilMs; at += MINUTE_MS) {
      secondsOf.push(at / 1000);
      const counts = this.#minutes.get(at);
      products.forEach((product, i) => values[i]!.push(counts?.get(product) ?? 0));
    }
    return { secondsOf, values };
  }

  #totals(fromMs: number, untilMs: number): Map<string, number> {
    const totals = new Map<string, number>();
    for (const [minuteMs, counts] of this.#minutes) {
      if (minuteMs < fromMs || minuteMs >= untilMs) continue;
      for (const [product, clicks] of counts) totals.set(product, (totals.get(product) ?? 0) + clicks);
    }
    return totals;
  }

  #holds(minuteMs: number): boolean {
    return minuteMs >= this.#fromMs && minuteMs < this.#untilMs;
  }
}

/** Which colour each product has: it keeps the one it had, newcomers take the lowest that is free. */
export function assignColours(
  before: ReadonlyMap<string, number>,
  products: readonly string[],
): Map<string, number> {
  const kept = products.flatMap((product) => {
    const colour = before.get(product);
    return colour === undefined ? [] : [[product, colour] as const];
  });
  const assigned = new Map(kept);
  const taken = new Set(assigned.values());
  for (const product of products) {
    if (assigned.has(product)) continue;
    let colour = 0;
    while (taken.has(colour)) colour += 1;
    taken.add(colour);
    assigned.set(product, colour);
  }
  return assigned;
}
