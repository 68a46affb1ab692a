/** How a record of one log partition is told to be late. Times and SQL expressions are of DuckDB. */
export interface LatenessRule {
  /** SQL of the event time: TIMESTAMP or TIMESTAMPTZ; null is never late and never counts as highest. */
  readonly time: string;
  /** Highest event time of the records before the first row, in microseconds since 1970; undefined for none. */
  readonly highestUs: number | undefined;
  readonly delayMs: number;
}

/**
 * The one rule of lateness, as SQL of a boolean: event time < (highest event time before it in its log partition) - delay. Rows must
 * come in the order of their offsets, from one partition. The frame includes the row itself: where that is the highest it is
 * not late by a delay of at least 0, so the answer is the same, and without an ORDER BY the kernel computes it as rows stream by.
 */
export function lateSql(rule: LatenessRule): string {
  const time = `epoch_us(${rule.time})`;
  const running = `max(${time}) OVER (ROWS UNBOUNDED PRECEDING)`;
  const highest =
    rule.highestUs === undefined ? running : `greatest(${running}, ${Math.trunc(rule.highestUs)})`;
  return `coalesce(${time} < ${highest} - ${Math.trunc(rule.delayMs * 1_000)}, false)`;
}

/** SQL of an aggregate: the highest event time after all rows, in microseconds; null where there was none. */
export function highestSql(rule: Pick<LatenessRule, 'time' | 'highestUs'>): string {
  const highest = `max(epoch_us(${rule.time}))`;
  return rule.highestUs === undefined ? highest : `greatest(${highest}, ${Math.trunc(rule.highestUs)})`;
}
