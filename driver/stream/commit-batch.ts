import type { BatchReport } from './batch-report.ts';
import type { RanBatch } from './batch-runner.ts';
import type { CommitEntry, OffsetEntry, StateEntry } from './checkpoint/checkpoint-codec.ts';
import type { CompiledQuery } from './compile-query.ts';
import type { SourcePartition } from './sources/stream-source.ts';
import { advance, watermarkOf } from './watermark.ts';

export interface CommitFacts {
  readonly query: CompiledQuery;
  readonly epoch: number;
  readonly statePartitions: number;
  readonly before: CommitEntry | undefined;
  /** Of each source, at the end of the batch. */
  readonly partitions: readonly (readonly SourcePartition[])[];
  isIdle(sourceId: number, partition: string): boolean;
}

/** What the next batch begins with, from what the last one left and what this one's tasks have told. Pure. */
export function commitOf(entry: OffsetEntry, ran: RanBatch, facts: CommitFacts): CommitEntry {
  const { before, query } = facts;
  const highestUs = query.watermarks.map((_, index) => highestAfter(index, before, ran.report));
  const sources = query.watermarks.map(({ sourceId, delayMs }, index) => {
    const highest = highestUs[index]!;
    const known = new Set(Object.keys(highest));
    const partitions = (facts.partitions[sourceId] ?? []).map(({ key, hasUnread }) => ({
      highestUs: highest[key],
      hasRecords: known.has(key) || hasUnread,
      idle: !hasUnread && facts.isIdle(sourceId, key),
    }));
    return watermarkOf(partitions, delayMs * 1_000);
  });
  const lateRows = ran.report.times.reduce((sum, { lateRows: late }) => sum + late, 0);
  return {
    batchId: entry.batchId,
    epoch: facts.epoch,
    watermarkUs: advance(entry.watermarkUs ?? undefined, sources) ?? null,
    clearedUs: entry.watermarkUs,
    highestUs,
    lateRowsTotal: (before?.lateRowsTotal ?? 0) + (dropsLate(query) ? lateRows : 0),
    state: query.operators.map((_, operator) => stateAfter(operator, ran, facts)),
    stateRows: query.operators.map((_, operator) =>
      ran.report.states.filter((each) => each.operator === operator).reduce((sum, { kept }) => sum + kept, 0),
    ),
  };
}

export function dropsLate({ mode, operators }: CompiledQuery): boolean {
  return mode !== 'complete' && operators.length > 0;
}

/** State files that the commit no longer names. */
export function supersededFiles(before: CommitEntry | undefined, after: CommitEntry): string[] {
  const named = filesOf(after);
  return [...filesOf(before)].filter((path) => !named.has(path));
}

export function filesOf(commit: CommitEntry | undefined): Set<string> {
  return new Set((commit?.state ?? []).flat(2).map(({ path }) => path));
}

function highestAfter(
  watermark: number,
  before: CommitEntry | undefined,
  report: BatchReport,
): Record<string, number> {
  const highest: Record<string, number> = { ...before?.highestUs[watermark] };
  for (const time of report.times) {
    if (time.watermark !== watermark || time.highestUs === undefined) continue;
    highest[time.range] = Math.max(highest[time.range] ?? Number.NEGATIVE_INFINITY, time.highestUs);
  }
  return highest;
}

function stateAfter(operator: number, ran: RanBatch, facts: CommitFacts): StateEntry[][] {
  return Array.from({ length: facts.statePartitions }, (_, partition) => {
    const kept = ran.snapshot ? [] : (facts.before?.state[operator]?.[partition] ?? []);
    const written = ran.report.files.filter(
      (file) => file.operator === operator && file.partition === partition,
    );
    return [...kept, ...written.map(({ entry }) => entry)];
  });
}
