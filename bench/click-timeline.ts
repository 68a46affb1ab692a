import type { KeyValueView } from '../sinks/key-value-view.ts';

interface ProductClicks {
  /** Event times in the order of the log: clicks of one product are in one partition. */
  readonly timesMs: number[];
  /** How many of them the view has shown. */
  seen: number;
}

/**
 * When each click became visible in the view. A window's value is an absolute count and a product's clicks stay in order, so a
 * view that counts n clicks of a product shows that product's first n: nothing has to be asked of the job itself.
 */
export class ClickTimeline {
  readonly #products = new Map<string, ProductClicks>();
  readonly #timesMs: number[] = [];
  /** Delays of clicks whose event time is at or after `countFromMs`: until the view shows them, and until the agent has committed them. */
  readonly delaysMs: number[] = [];
  readonly toLogMs: number[] = [];
  #inLog = 0;
  countFromMs = Number.POSITIVE_INFINITY;
  written = 0;
  seen = 0;

  /** Called in the order in which clicks are written. */
  wrote(product: string, eventTimeMs: number): void {
    const clicks = this.#products.get(product) ?? { timesMs: [], seen: 0 };
    clicks.timesMs.push(eventTimeMs);
    this.#products.set(product, clicks);
    this.#timesMs.push(eventTimeMs);
    this.written++;
  }

  /** How many of the clicks the agent has committed, by `nowMs`: it takes them in the order of the file. */
  committed(count: number, nowMs: number): void {
    for (; this.#inLog < Math.min(count, this.#timesMs.length); this.#inLog++) {
      const eventTimeMs = this.#timesMs[this.#inLog]!;
      if (eventTimeMs >= this.countFromMs) this.toLogMs.push(nowMs - eventTimeMs);
    }
  }

  /** What the view counts of each product, read by `nowMs`. */
  shows(counts: ReadonlyMap<string, number>, nowMs: number): void {
    for (const [product, count] of counts) {
      const clicks = this.#products.get(product);
      if (clicks === undefined || count > clicks.timesMs.length) {
        throw new Error(
          `the view counts ${count} clicks of ${product}, ${clicks?.timesMs.length} are written`,
        );
      }
      for (; clicks.seen < count; clicks.seen++, this.seen++) {
        const eventTimeMs = clicks.timesMs[clicks.seen]!;
        if (eventTimeMs >= this.countFromMs) this.delaysMs.push(nowMs - eventTimeMs);
      }
    }
  }
}

/** Clicks of each product in the windows from `firstMinute` on. */
export async function countsSince(
  view: KeyValueView,
  name: string,
  firstMinute: string,
): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  const keys = await view.keys(name, firstMinute, '\uffff');
  for (const fields of (await view.read(name, keys)).values()) {
    for (const [product, clicks] of fields) counts.set(product, (counts.get(product) ?? 0) + Number(clicks));
  }
  return counts;
}
