import type { StreamView } from '../../common/serving-api.ts';

/** What the page shows of GET /api/streams of the driver: a list of queries, each with Spark's progress of its last batch. Anything that is not as expected reads as not known. */
export function streamViews(answer: unknown): StreamView[] {
  return listOf(answer)
    .map(streamView)
    .toSorted((a, b) => Number(b.isActive) - Number(a.isActive) || (a.name < b.name ? -1 : 1));
}

function streamView(item: unknown): StreamView {
  const query = objectOf(item);
  const progress = objectOf(query['lastProgress']);
  const state = listOf(progress['stateOperators']).map(objectOf);
  const error = text(query['error']);
  const id = text(query['id']) ?? '';
  return {
    id,
    name: text(query['name']) || id,
    isActive: query['isActive'] === true,
    status: error ?? text(objectOf(query['status'])['message']) ?? '',
    hasFailed: error !== null,
    batchId: number(progress['batchId']),
    at: text(progress['timestamp']),
    batchDurationMs: number(progress['batchDuration']),
    inputRowsPerSecond: number(progress['inputRowsPerSecond']),
    processedRowsPerSecond: number(progress['processedRowsPerSecond']),
    watermark: text(objectOf(progress['eventTime'])['watermark']),
    lagRecords: sum(listOf(progress['sources']).map(sourceLag)),
    lateRows: sum(state.map((operator) => number(objectOf(operator['customMetrics'])['lateRowsTotal']))),
    stateRows: sum(state.map((operator) => number(operator['numRowsTotal']))),
  };
}

/** Latest less end, over the partitions of all topics; null for a source without such offsets. */
function sourceLag(item: unknown): number | null {
  const source = objectOf(item);
  const end = objectOf(parsed(source['endOffset']));
  const latest = objectOf(parsed(source['latestOffset']));
  const behind = Object.entries(latest).flatMap(([topic, partitions]) =>
    Object.entries(objectOf(partitions)).map(([partition, offset]) => {
      const reached = number(objectOf(end[topic])[partition]);
      const there = number(offset);
      return there === null || reached === null ? null : Math.max(0, there - reached);
    }),
  );
  return sum(behind);
}

/** Spark writes offsets as JSON in a string, others as they are. */
function parsed(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value);
  } catch {
    // Of a source whose offsets are no JSON.
    return undefined;
  }
}

function sum(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((total, value) => total + value, 0);
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function number(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}
