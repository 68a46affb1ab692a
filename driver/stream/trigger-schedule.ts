/**
 * When the next batch of a processing-time trigger begins: at the next multiple of the interval after the last start, and at once
 * when that has passed already. Multiples are of the clock, as Spark's, so that restarts keep the beat.
 */
export function nextTriggerMs(lastStartMs: number, intervalMs: number): number {
  if (intervalMs <= 0) return lastStartMs;
  return Math.floor(lastStartMs / intervalMs) * intervalMs + intervalMs;
}

/** How long a failed batch waits before it is tried again: doubling from a quarter second to ten. */
export function retryDelayMs(attempt: number): number {
  return Math.min(10_000, 250 * 2 ** Math.min(attempt, 10));
}
