import type { RecordInput } from '../../log/log.ts';

export interface EventFields {
  readonly topic: string;
  readonly deadLetterTopic: string;
  /** Field whose text becomes the record's key. */
  readonly keyField: string;
  /** Field with the event time: seconds since 1970 as a number (Nginx's $msec), or an ISO time with its zone. */
  readonly timeField: string;
}

/** Far enough for any clock, near enough to tell milliseconds from seconds. */
const SECONDS_MAX = 253_402_300_800; // the year 10000

/** A line as a record; what does not parse goes to the dead letters with the reason. */
export function toRecord(
  line: Buffer,
  fields: EventFields,
  origin: { path: string; nowMs: number },
): RecordInput {
  const event = parseEvent(line, fields);
  if (typeof event === 'string') return deadLetter(line, event, fields, origin);
  return { topic: fields.topic, key: Buffer.from(event.key), value: line, timestampMs: event.timeMs };
}

export function deadLetter(
  line: Buffer,
  reason: string,
  fields: EventFields,
  origin: { path: string; nowMs: number },
): RecordInput {
  const value = Buffer.from(JSON.stringify({ reason, path: origin.path, line: line.toString() }));
  return { topic: fields.deadLetterTopic, key: null, value, timestampMs: origin.nowMs };
}

/** The reason as text where the line is no event. */
function parseEvent(
  line: Buffer,
  { keyField, timeField }: EventFields,
): { key: string; timeMs: number } | string {
  let event: unknown;
  try {
    event = JSON.parse(line.toString());
  } catch {
    return 'not JSON';
  }
  if (typeof event !== 'object' || event === null || Array.isArray(event)) return 'not a JSON object';
  const { [keyField]: key, [timeField]: time } = event as Record<string, unknown>;
  if ((typeof key !== 'string' && typeof key !== 'number') || key === '') return `no ${keyField}`;
  const timeMs = typeof time === 'number' ? Math.round(time * 1_000) : isoTime(time);
  if (!Number.isFinite(timeMs) || timeMs < 0 || timeMs >= SECONDS_MAX * 1_000)
    return `no time in ${timeField}`;
  return { key: String(key), timeMs };
}

function isoTime(text: unknown): number {
  return typeof text === 'string' && /(Z|[+-]\d\d:?\d\d)$/.test(text) ? Date.parse(text) : Number.NaN;
}
