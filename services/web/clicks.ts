import type { ClicksAnswer, PartFailure, TopAnswer } from '../../common/serving-api.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { Clock } from '../../common/seams/clock.ts';
import type { BatchView, RankedProduct } from './batch-view.ts';
import { CachedByKey, Cached } from './cached.ts';
import {
  chooseDays,
  type ClickRange,
  dayOf,
  daysOf,
  type MinuteCounts,
  mergeClicks,
  rankProducts,
} from './merge-clicks.ts';
import type { SpeedView } from './speed-view.ts';

/** A day's answer takes some tens of milliseconds to put together; every page asks for the same one. */
const MAX_AGE_MS = 900;
const ANSWERS_KEPT = 16;

/** An answer with what it was made from: it stands while all of that is the same. */
interface Built {
  readonly from: readonly MinuteCounts[];
  readonly failures: string;
  readonly text: string;
}

/** The serving layer: batch and speed view as one. */
export class Clicks {
  readonly #batch: BatchView;
  readonly #speed: SpeedView;
  readonly #clock: Clock;
  readonly #answers: CachedByKey<string>;
  /** Counts that have not changed are the same object, and rank the same. */
  readonly #rankings = new WeakMap<MinuteCounts, readonly RankedProduct[]>();

  constructor(batch: BatchView, speed: SpeedView, clock: Clock) {
    this.#batch = batch;
    this.#speed = speed;
    this.#clock = clock;
    this.#answers = new CachedByKey(ANSWERS_KEPT, (key) => {
      let built: Built | undefined;
      return new Cached(clock, MAX_AGE_MS, async () => {
        built = await this.#build(rangeOf(key), built);
        return built.text;
      });
    });
  }

  /** A `ClicksAnswer` as JSON. Errors: VIEW_UNAVAILABLE or DEADLINE when neither view answers. */
  clicks(range: ClickRange): Promise<string> {
    return this.#answers.get(keyOf(range));
  }

  /** Errors: as `clicks`. */
  async top(ds: string, limit: number): Promise<TopAnswer> {
    const unavailable: PartFailure[] = [];
    const isFinished = ds < dayOf(this.#clock.nowMs());
    const batch = isFinished ? await caught(unavailable, 'tables', this.#batch.ranking(ds)) : undefined;
    const source = batch === undefined || batch.length === 0 ? 'speed' : 'batch';
    const ranking = source === 'batch' ? batch! : await this.#speedRanking(ds, unavailable);
    return {
      timezone: 'UTC',
      date: ds,
      source,
      total: ranking.reduce((sum, { clicks }) => sum + clicks, 0),
      products: ranking.length,
      ranking: ranking.slice(0, limit),
      unavailable,
    };
  }

  async #build(range: ClickRange, before: Built | undefined): Promise<Built> {
    const today = dayOf(this.#clock.nowMs());
    const days = daysOf(range.fromMs, range.untilMs);
    const finished = days.filter((ds) => ds < today);
    const unavailable: PartFailure[] = [];
    // Of the speed view for certain, so both views are asked at once. It never throws.
    if (days.includes(today)) void this.#speed.day(today);
    const batch =
      finished.length === 0
        ? undefined
        : await caught(unavailable, 'tables', this.#batch.days(finished[0]!, finished.at(-1)!));
    const left = days.filter((ds) => batch?.has(ds) !== true);
    const counts = await Promise.all(left.map((ds) => this.#speedDay(ds, unavailable)));
    const speed = new Map(left.map((ds, at) => [ds, counts[at]!]));
    const chosen = chooseDays(days, today, batch ?? new Map(), speed);
    const from = [...chosen.values()].map(({ counts }) => counts);
    const failures = JSON.stringify([today, unavailable]);
    if (before?.failures === failures && from.every((counts, at) => counts === before.from[at]))
      return before;
    const answer: ClicksAnswer = { ...mergeClicks(range, chosen), unavailable };
    return { from, failures, text: JSON.stringify(answer) };
  }

  async #speedRanking(ds: string, unavailable: PartFailure[]): Promise<readonly RankedProduct[]> {
    const counts = await this.#speedDay(ds, unavailable);
    const ranking = this.#rankings.get(counts) ?? rankProducts(counts);
    this.#rankings.set(counts, ranking);
    return ranking;
  }

  async #speedDay(ds: string, unavailable: PartFailure[]): Promise<MinuteCounts> {
    const { counts, failure } = await this.#speed.day(ds);
    if (failure !== undefined) {
      note(unavailable, 'view', failure);
      // Nothing to show at all: that is an error, not an empty day.
      if (counts.size === 0 && unavailable.some(({ part }) => part === 'tables')) throw failure;
    }
    return counts;
  }
}

async function caught<T>(
  unavailable: PartFailure[],
  part: string,
  answer: Promise<T>,
): Promise<T | undefined> {
  try {
    return await answer;
  } catch (thrown) {
    note(unavailable, part, QuarryError.from(thrown));
    return undefined;
  }
}

function note(unavailable: PartFailure[], part: string, { message }: QuarryError): void {
  if (!unavailable.some((known) => known.part === part)) unavailable.push({ part, message });
}

function keyOf({ fromMs, untilMs, product, limit }: ClickRange): string {
  return JSON.stringify([fromMs, untilMs, product, limit === Infinity ? null : limit]);
}

function rangeOf(key: string): ClickRange {
  const [fromMs, untilMs, product, limit] = JSON.parse(key) as [number, number, string | null, number | null];
  return { fromMs, untilMs, product: product ?? undefined, limit: limit ?? Infinity };
}
