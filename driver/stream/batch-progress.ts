import type { RanBatch } from './batch-runner.ts';
import type { CommitEntry, OffsetEntry } from './checkpoint/checkpoint-codec.ts';
import { dropsLate } from './commit-batch.ts';
import { sourceRows } from '../stages/task-sql.ts';
import type { CompiledQuery } from './compile-query.ts';
import type { StreamSink } from './sinks/stream-sink.ts';
import type { StreamSource } from './sources/stream-source.ts';
import type {
  SourceProgress,
  StateOperatorProgress,
  StreamingQueryProgress,
} from '../../common/stream/query-progress.ts';

export interface ProgressFacts {
  readonly id: string;
  readonly runId: string;
  readonly name: string;
  readonly query: CompiledQuery;
  readonly sources: readonly StreamSource[];
  readonly sink: StreamSink;
  readonly statePartitions: number;
  /** When the trigger fired, and the one before it; milliseconds since 1970. */
  readonly triggerMs: number;
  readonly lastTriggerMs: number | undefined;
  readonly durationMs: Readonly<Record<string, number>>;
  readonly latest: readonly unknown[];
}

/** What users of `lastProgress` read about a batch. */
export function progressOf(
  entry: OffsetEntry,
  ran: RanBatch,
  commit: CommitEntry,
  sinkRows: number,
  facts: ProgressFacts,
): StreamingQueryProgress {
  const batchDuration = facts.durationMs['triggerExecution'] ?? 0;
  const rates = (rows: number) => ({
    inputRowsPerSecond:
      facts.lastTriggerMs === undefined ? 0 : perSecond(rows, facts.triggerMs - facts.lastTriggerMs),
    processedRowsPerSecond: perSecond(rows, batchDuration),
  });
  const rows = facts.query.sources.map((_, id) => rowsOf(id, entry, ran, facts));
  const total = rows.reduce((sum, each) => sum + each, 0);
  return {
    id: facts.id,
    runId: facts.runId,
    name: facts.name === '' ? null : facts.name,
    timestamp: new Date(facts.triggerMs).toISOString(),
    batchId: entry.batchId,
    batchDuration,
    numInputRows: total,
    ...rates(total),
    durationMs: facts.durationMs,
    eventTime: eventTime(entry, ran, facts.query),
    stateOperators: facts.query.operators.map((name, operator) =>
      stateProgress(name, operator, ran, commit, facts),
    ),
    sources: facts.sources.map(
      (source, id): SourceProgress => ({
        description: source.description,
        startOffset: shown(source, entry.starts[id]),
        endOffset: shown(source, entry.ends[id]),
        latestOffset: shown(source, facts.latest[id]),
        numInputRows: rows[id]!,
        ...rates(rows[id]!),
        metrics: source.metrics(entry.ends[id], facts.latest[id]),
      }),
    ),
    sink: { description: facts.sink.description, numOutputRows: sinkRows },
    observedMetrics: {},
  };
}

function shown(source: StreamSource, offset: unknown): unknown {
  return source.shown === undefined ? offset : source.shown(offset);
}

function rowsOf(id: number, entry: OffsetEntry, ran: RanBatch, facts: ProgressFacts): number {
  const known = facts.sources[id]!.rows(entry.starts[id], entry.ends[id]);
  if (known !== undefined) return known;
  const keys = new Set(facts.sources[id]!.partitions(entry.ends[id], entry.ends[id]).map(({ key }) => key));
  if (keys.has('')) return ran.report.logRows.get(sourceRows(id)) ?? 0;
  let rows = 0;
  for (const [range, count] of ran.report.logRows) if (keys.has(range)) rows += count;
  return rows;
}

function perSecond(rows: number, durationMs: number): number {
  return durationMs <= 0 ? 0 : Math.round((rows * 1_000_000) / durationMs) / 1_000;
}

function eventTime(entry: OffsetEntry, { report }: RanBatch, query: CompiledQuery): Record<string, string> {
  if (query.watermarks.length === 0) return {};
  const times: Record<string, string> = { watermark: instant(entry.watermarkUs ?? 0) };
  const seen = report.times.filter(({ avgUs }) => avgUs !== undefined);
  if (seen.length === 0) return times;
  const rows = seen.reduce((sum, each) => sum + each.rows, 0);
  times['max'] = instant(Math.max(...seen.map(({ maxUs }) => maxUs ?? 0)));
  times['min'] = instant(Math.min(...seen.map(({ minUs }) => minUs ?? Number.POSITIVE_INFINITY)));
  times['avg'] = instant(seen.reduce((sum, each) => sum + (each.avgUs ?? 0) * (each.rows / rows), 0));
  return times;
}

function instant(us: number): string {
  return new Date(Math.floor(us / 1_000)).toISOString();
}

function stateProgress(
  name: string,
  operator: number,
  { report }: RanBatch,
  commit: CommitEntry,
  facts: ProgressFacts,
): StateOperatorProgress {
  const observed = report.states.filter((each) => each.operator === operator);
  const sum = (of: (each: (typeof observed)[number]) => number) =>
    observed.reduce((all, each) => all + of(each), 0);
  const late = report.times.reduce((all, { lateRows }) => all + lateRows, 0);
  // Rows are dropped once, before the first operator.
  const isFirst = operator === 0;
  return {
    operatorName: name,
    numRowsTotal: commit.stateRows[operator] ?? 0,
    numRowsUpdated: sum(({ updated }) => updated),
    numRowsRemoved: sum(({ total, kept }) => total - kept),
    allUpdatesTimeMs: facts.durationMs['addBatch'] ?? 0,
    allRemovalsTimeMs: 0,
    commitTimeMs: 0,
    memoryUsedBytes: (commit.state[operator] ?? [])
      .flat()
      .reduce((all, { lengthBytes }) => all + lengthBytes, 0),
    numRowsDroppedByWatermark: isFirst && dropsLate(facts.query) ? late : 0,
    numShufflePartitions: facts.statePartitions,
    numStateStoreInstances: facts.statePartitions,
    customMetrics: isFirst ? { lateRowsTotal: commit.lateRowsTotal } : {},
  };
}
