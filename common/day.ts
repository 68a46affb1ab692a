const DAY = /^\d{4}-\d{2}-\d{2}$/;

/** The first instant of a UTC day given as YYYY-MM-DD, in ms since 1970; undefined for what is no day, such as 2026-02-30. */
export function parseDay(text: string): number | undefined {
  if (!DAY.test(text)) return undefined;
  const ms = Date.parse(`${text}T00:00:00Z`);
  // The platform takes the 30th of February for the 2nd of March.
  return Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 10) !== text ? undefined : ms;
}
