// What services/web answers and its page shows. Times are milliseconds since 1970 or ISO 8601, always UTC; what is not known is null.

/** A part that did not answer; the rest of the answer holds without it. */
export interface PartFailure {
  /** view, tables, driver, workflow, log. */
  readonly part: string;
  readonly message: string;
}

/** Start of the minute in ms, clicks. */
export type MinutePoint = readonly [minuteMs: number, clicks: number];

/** GET /api/clicks?from=ISO&until=ISO[&product=ID][&limit=N]: clicks per product and minute; minutes without clicks are left out. */
export interface ClicksAnswer {
  /** Days and minutes are those of this zone. */
  readonly timezone: 'UTC';
  readonly from: string;
  readonly until: string;
  /** What is before comes from the batch view, what is after from the speed view, but for the days in `days` that say otherwise. `from` when nothing is from the batch view. */
  readonly seam: string;
  readonly days: readonly { readonly ds: string; readonly source: ClickSource }[];
  /** How many products have clicks. */
  readonly products: number;
  /** Most clicks first, then by product; the first `limit` of them when the question has one. */
  readonly series: readonly { readonly product: string; readonly points: readonly MinutePoint[] }[];
  /** Clicks of all products that are not in `series`, minute by minute. */
  readonly others: readonly MinutePoint[];
  readonly unavailable: readonly PartFailure[];
}

export type ClickSource = 'batch' | 'speed';

/** GET /api/top?date=today|YYYY-MM-DD[&limit=N]. */
export interface TopAnswer {
  readonly timezone: 'UTC';
  readonly date: string;
  readonly source: ClickSource;
  /** Clicks of all products, also of those beyond the limit. */
  readonly total: number;
  readonly products: number;
  readonly ranking: readonly {
    readonly position: number;
    readonly product: string;
    readonly clicks: number;
  }[];
  readonly unavailable: readonly PartFailure[];
}

/** GET /api/streams. */
export interface StreamsAnswer {
  readonly streams: readonly StreamView[];
}

export interface StreamView {
  readonly id: string;
  readonly name: string;
  readonly isActive: boolean;
  /** What it does, in Spark's words; what ended it when it has failed. */
  readonly status: string;
  readonly hasFailed: boolean;
  readonly batchId: number | null;
  /** When the last batch began. */
  readonly at: string | null;
  readonly batchDurationMs: number | null;
  readonly inputRowsPerSecond: number | null;
  readonly processedRowsPerSecond: number | null;
  readonly watermark: string | null;
  /** Records in the log that are not counted yet. */
  readonly lagRecords: number | null;
  readonly lateRows: number | null;
  readonly stateRows: number | null;
}

/** GET /api/health. */
export interface HealthAnswer {
  readonly parts: readonly PartHealth[];
  /** Pages of other roles, by name. */
  readonly links: readonly { readonly name: string; readonly url: string }[];
}

export interface PartHealth {
  readonly name: string;
  /** absent: nobody has told the service where it is. */
  readonly state: 'up' | 'down' | 'absent';
  readonly detail: string;
}

/** One event of GET /api/live, each second. */
export interface LiveEvent {
  readonly nowMs: number;
  /** The day in UTC that the minutes are of, YYYY-MM-DD. */
  readonly day: string;
  /** Minutes that have changed since the event before, whole: the first event has the newest ones. */
  readonly minutes: readonly LiveMinute[];
  /** More has changed than an event carries: read /api/clicks again. */
  readonly reload: boolean;
  readonly unavailable: readonly PartFailure[];
}

export type LiveMinute = readonly [
  minuteMs: number,
  counts: readonly (readonly [product: string, clicks: number])[],
];
