import { hasCode } from '../../common/quarry-error.ts';
import type { Clock } from '../../common/seams/clock.ts';
import type { TableStore, TableValue } from '../../sinks/table-store.ts';
import { Cached, CachedByKey, within } from './cached.ts';
import type { MinuteCounts } from './merge-clicks.ts';

/** What the nightly job writes. */
const MINUTES_TABLE = 'clicks_per_minute';
const RANKING_TABLE = 'best_products';

/** A night's job may be run again: its day is read again after that long. */
const DAY_MAX_AGE_MS = 10_000;
const DAYS_MAX_AGE_MS = 2_000;
const TIMEOUT_MS = 8_000;
const DAYS_KEPT = 10;
const RANKING_ROWS_MAX = 10_000;

export interface RankedProduct {
  readonly position: number;
  readonly product: string;
  readonly clicks: number;
}

/** The tables that the nightly job writes, one transaction a table and day. A table that is not there yet has no days. Errors: TABLES_UNAVAILABLE, DEADLINE, PERMISSION_DENIED. */
export class BatchView {
  readonly #open: () => Promise<TableStore>;
  readonly #clock: Clock;
  readonly #ranges: CachedByKey<readonly string[]>;
  readonly #days: CachedByKey<MinuteCounts>;
  readonly #rankings: CachedByKey<readonly RankedProduct[]>;
  readonly #alive: Cached<unknown>;

  constructor(open: () => Promise<TableStore>, clock: Clock) {
    this.#open = open;
    this.#clock = clock;
    this.#ranges = new CachedByKey(
      DAYS_KEPT,
      (key) => new Cached(clock, DAYS_MAX_AGE_MS, () => this.#readDays(key)),
    );
    this.#days = new CachedByKey(
      DAYS_KEPT,
      (ds) => new Cached(clock, DAY_MAX_AGE_MS, () => this.#readDay(ds)),
    );
    this.#rankings = new CachedByKey(
      DAYS_KEPT,
      (ds) => new Cached(clock, DAYS_MAX_AGE_MS, () => this.#readRanking(ds)),
    );
    this.#alive = new Cached(clock, DAYS_MAX_AGE_MS, () => this.#rows('SELECT 1 AS one', []));
  }

  /** The days from `first` to `last`, both included, whose job has run, with their counts. */
  async days(first: string, last: string): Promise<Map<string, MinuteCounts>> {
    const written = await this.#ranges.get(`${first} ${last}`);
    const counts = await Promise.all(written.map((ds) => this.#days.get(ds)));
    return new Map(written.map((ds, at) => [ds, counts[at]!]));
  }

  /** Empty when the day's job has not run. */
  ranking(ds: string): Promise<readonly RankedProduct[]> {
    return this.#rankings.get(ds);
  }

  async check(): Promise<void> {
    await this.#alive.get();
  }

  async #readDays(key: string): Promise<string[]> {
    const sql = `SELECT DISTINCT ds FROM ${MINUTES_TABLE} WHERE ds >= ? AND ds <= ? ORDER BY ds`;
    return (await this.#rows(sql, key.split(' '))).map(([ds]) => String(ds));
  }

  async #readDay(ds: string): Promise<MinuteCounts> {
    const counts = new Map<number, Map<string, number>>();
    const minutes = new Map<TableValue, Map<string, number>>();
    const sql = `SELECT minute, product, clicks FROM ${MINUTES_TABLE} WHERE ds = ?`;
    for (const [minute, product, clicks] of await this.#rows(sql, [ds])) {
      let of = minutes.get(minute!);
      if (of === undefined) {
        of = new Map();
        minutes.set(minute!, of);
        counts.set(Date.parse(String(minute)), of);
      }
      of.set(String(product), Number(clicks));
    }
    return counts;
  }

  async #readRanking(ds: string): Promise<RankedProduct[]> {
    const sql = `SELECT position, product, clicks FROM ${RANKING_TABLE} WHERE ds = ? ORDER BY position LIMIT ${RANKING_ROWS_MAX}`;
    const rows = await this.#rows(sql, [ds]);
    return rows.map(([position, product, clicks]) => ({
      position: Number(position),
      product: String(product),
      clicks: Number(clicks),
    }));
  }

  async #rows(sql: string, values: readonly TableValue[]): Promise<(readonly TableValue[])[]> {
    const read = async () => {
      const tables = await this.#open();
      const rows: (readonly TableValue[])[] = [];
      for await (const batch of (await tables.read(sql, values)).batches) rows.push(...batch);
      return rows;
    };
    try {
      return await within(this.#clock, TIMEOUT_MS, 'the tables', read());
    } catch (thrown) {
      // No job has written the table yet.
      if (hasCode(thrown, 'ANALYSIS')) return [];
      throw thrown;
    }
  }
}
