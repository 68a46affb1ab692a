import { QuarryError } from '../../common/quarry-error.ts';
import type { Clock } from '../../common/seams/clock.ts';
import type { KeyValueView, ViewMarker } from '../../sinks/key-value-view.ts';
import { Cached, CachedByKey, within } from './cached.ts';
import { DAY_MS, dayStartMs, type MinuteCounts } from './merge-clicks.ts';

/** Minutes at the end of a day that are read again whenever the view has moved: the jobs' delay of ten and some. */
const HOT_MINUTES = 16;
/** A log partition that lags behind the others changes older minutes: all of them are read again that often. */
const SWEEP_INTERVAL_MS = 15_000;
const MAX_AGE_MS = 900;
const TIMEOUT_MS = 4_000;
const DAYS_KEPT = 10;

export interface SpeedDay {
  /** What is known, also when the view does not answer now. Equal objects: nothing has changed. */
  readonly counts: MinuteCounts;
  readonly failure: QuarryError | undefined;
}

interface Known {
  readonly counts: MinuteCounts;
  readonly marker: ViewMarker | undefined;
  /** The marker before the last read of the whole day, and when that was. */
  readonly sweptAt: ViewMarker | undefined;
  readonly sweptMs: number;
}

/** The view that the streaming query writes: key = minute `yyyy-MM-ddTHH:mm:ssZ`, field = product, value = clicks. */
export class SpeedView {
  readonly #open: () => Promise<KeyValueView>;
  readonly #name: string;
  readonly #clock: Clock;
  readonly #marker: Cached<ViewMarker | undefined>;
  readonly #days: CachedByKey<SpeedDay>;

  constructor(open: () => Promise<KeyValueView>, name: string, clock: Clock) {
    this.#open = open;
    this.#name = name;
    this.#clock = clock;
    this.#marker = new Cached(clock, MAX_AGE_MS / 2, () => this.#call((view) => view.marker(name)));
    this.#days = new CachedByKey(DAYS_KEPT, (ds) => {
      let known: Known | undefined;
      return new Cached(clock, MAX_AGE_MS, async () => {
        try {
          known = await this.#refresh(ds, known);
          return { counts: known.counts, failure: undefined };
        } catch (thrown) {
          return { counts: known?.counts ?? new Map(), failure: QuarryError.from(thrown) };
        }
      });
    });
  }

  /** The counts of one UTC day. Never throws. */
  day(ds: string): Promise<SpeedDay> {
    return this.#days.get(ds);
  }

  /** How far the streaming query has written. Errors: VIEW_UNAVAILABLE, DEADLINE. */
  async position(): Promise<string> {
    const marker = await this.#marker.get();
    return marker === undefined ? 'not written yet' : `at batch ${marker.batchId}`;
  }

  async #refresh(ds: string, known: Known | undefined): Promise<Known> {
    // Before the values: they are then at least as new.
    const marker = await this.#marker.get();
    if (known !== undefined && isSame(marker, known.sweptAt)) return known;
    const nowMs = this.#clock.monoMs();
    const isSweep =
      known === undefined || isBehind(marker, known.marker) || nowMs - known.sweptMs >= SWEEP_INTERVAL_MS;
    if (!isSweep && isSame(marker, known.marker)) return known;
    const start = dayStartMs(ds);
    const keys = await this.#call((view) => view.keys(this.#name, keyOf(start), keyOf(start + DAY_MS)));
    const wanted = isSweep
      ? keys
      : keys.filter((key, at) => at >= keys.length - HOT_MINUTES || !known.counts.has(Date.parse(key)));
    const values =
      wanted.length === 0 ? new Map() : await this.#call((view) => view.read(this.#name, wanted));
    const counts = takeOver(known?.counts ?? new Map(), parseMinutes(values), isSweep);
    return isSweep
      ? { counts, marker, sweptAt: marker, sweptMs: nowMs }
      : { counts, marker, sweptAt: known.sweptAt, sweptMs: known.sweptMs };
  }

  async #call<T>(ask: (view: KeyValueView) => Promise<T>): Promise<T> {
    return within(
      this.#clock,
      TIMEOUT_MS,
      'the view',
      this.#open().then((view) => ask(view)),
    );
  }
}

/** Skips keys that are no minutes and values that are no counts: the view may be shared with others. */
export function parseMinutes(
  values: ReadonlyMap<string, ReadonlyMap<string, string>>,
): Map<number, Map<string, number>> {
  const minutes = new Map<number, Map<string, number>>();
  for (const [key, fields] of values) {
    const minuteMs = Date.parse(key);
    if (Number.isNaN(minuteMs)) continue;
    const counts = new Map<string, number>();
    for (const [product, text] of fields) {
      const clicks = Number(text);
      if (Number.isFinite(clicks)) counts.set(product, clicks);
    }
    minutes.set(minuteMs, counts);
  }
  return minutes;
}

/** Minutes with the same counts stay the same objects, and so does the whole when nothing has changed. */
export function takeOver(known: MinuteCounts, read: MinuteCounts, isWhole: boolean): MinuteCounts {
  let hasChanged = isWhole && [...known.keys()].some((minuteMs) => !read.has(minuteMs));
  const next = new Map(isWhole ? [] : known);
  for (const [minuteMs, counts] of read) {
    const before = known.get(minuteMs);
    const isEqual = before !== undefined && hasSameCounts(before, counts);
    next.set(minuteMs, isEqual ? before : counts);
    hasChanged ||= !isEqual;
  }
  return hasChanged ? next : known;
}

function hasSameCounts(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): boolean {
  if (a.size !== b.size) return false;
  for (const [product, clicks] of a) if (b.get(product) !== clicks) return false;
  return true;
}

function keyOf(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

function isSame(a: ViewMarker | undefined, b: ViewMarker | undefined): boolean {
  return a !== undefined && b !== undefined && a.epoch === b.epoch && a.batchId === b.batchId;
}

/** The view was dropped and is being written again, or another query writes it. */
function isBehind(now: ViewMarker | undefined, before: ViewMarker | undefined): boolean {
  if (now === undefined || before === undefined) return true;
  return now.epoch !== before.epoch || now.batchId < before.batchId;
}
