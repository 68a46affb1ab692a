const DAY_MS = 86_400_000;

/** Which of the days (YYYY/MM/DD, in UTC) ended at or before the watermark. */
export function closedDays(days: readonly string[], watermarkMs: number): string[] {
  return days.filter((day) => {
    const startMs = Date.parse(`${day.replaceAll('/', '-')}T00:00:00Z`);
    return Number.isFinite(startMs) && startMs + DAY_MS <= watermarkMs;
  });
}
