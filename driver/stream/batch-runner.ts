import { randomUUID } from 'node:crypto';
import type { Config } from '../../common/config.ts';
import type { SplitPlanner } from '../files/split-planner.ts';
import type { LogicalPlan } from '../plan/logical-plan.ts';
import type { ExecutorSpec, JobSpec } from '../schedule/job-graph.ts';
import type { JobRunner } from '../schedule/job-runner.ts';
import type { QueryBatch } from '../schedule/query-runner.ts';
import { explained, stagePlannerOptions } from '../stages/planned-query-runner.ts';
import { StagePlanner } from '../stages/stage-planner.ts';
import type { StreamStages } from '../stages/stage-steps.ts';
import { type BatchReport, batchReport } from './batch-report.ts';
import { bindBatch } from './bind-batch.ts';
import type { Checkpoint } from './checkpoint/checkpoint.ts';
import { type CommitEntry, type OffsetEntry, toScanFile } from './checkpoint/checkpoint-codec.ts';
import type { CompiledQuery } from './compile-query.ts';
import type { BatchRows, SinkOutput } from './sinks/stream-sink.ts';
import type { StreamSource } from './sources/stream-source.ts';
import type { StreamContext } from './streaming-query.ts';

/** State files of a partition that a batch may have to read before the whole is written anew. */
export const DELTAS_MAX = 10;

export interface BatchRunnerOptions {
  readonly jobs: JobRunner;
  readonly splits: SplitPlanner;
  readonly config: Config;
  readonly executors: () => readonly ExecutorSpec[];
  readonly query: CompiledQuery;
  readonly sources: readonly StreamSource[];
  readonly checkpoint: Checkpoint;
  readonly context: StreamContext;
  /** What people read in `quarry jobs`. */
  readonly name: string;
}

export interface RanBatch {
  readonly rows: BatchRows;
  readonly report: BatchReport;
  /** For the sources' parts of the batch, then for its stages. */
  readonly bindingMs: number;
  readonly planningMs: number;
  readonly snapshot: boolean;
}

/** Runs the job of one batch: the same offsets over the same state give the same rows, whichever run does it. */
export class BatchRunner {
  readonly #options: BatchRunnerOptions;

  constructor(options: BatchRunnerOptions) {
    this.#options = options;
  }

  async run(
    entry: OffsetEntry,
    before: CommitEntry | undefined,
    sink: SinkOutput,
    signal: AbortSignal,
  ): Promise<RanBatch> {
    const { jobs, context, name, config, splits, executors } = this.#options;
    const started = performance.now();
    const stream = this.#streamStages(entry, before);
    const planner = new StagePlanner({
      ...stagePlannerOptions({ config, splits, executors }, context),
      stream,
    });
    const binding = performance.now();
    const plan = await this.#bind(entry);
    const bindingMs = performance.now() - binding;
    const stages = await planner.plan(plan, sink);
    const planningMs = performance.now() - started - bindingMs;
    const job: JobSpec = {
      jobId: `job-${randomUUID()}`,
      name: `${name} batch ${entry.batchId}`,
      sessionId: context.sessionId,
      operationId: '',
      stages,
    };
    const running = jobs.run(job, { signal });
    const batches: QueryBatch[] = [];
    try {
      for (;;) {
        const step = await running.next();
        if (step.done === true) {
          const report = batchReport(step.value.stages, entry.batchId);
          const rowCount = batches.reduce((sum, batch) => sum + batch.rowCount, 0);
          const rows = { batches, rowCount, results: step.value.results };
          return { rows, report, bindingMs, planningMs, snapshot: stream.snapshot };
        }
        const { data, rowCount } = step.value;
        if (rowCount > 0) batches.push({ arrowIpc: data, rowCount });
      }
    } catch (thrown) {
      throw explained(thrown);
    }
  }

  async #bind(entry: OffsetEntry): Promise<LogicalPlan> {
    const { query, sources } = this.#options;
    const leaves = await Promise.all(
      query.sources.map((leaf, id) => sources[id]!.bind(leaf, entry.starts[id], entry.ends[id])),
    );
    return bindBatch(query, {
      clearedUs: entry.clearedUs ?? undefined,
      watermarkUs: entry.watermarkUs ?? undefined,
      leaf: (source) => leaves[source.sourceId ?? 0]!,
    });
  }

  #streamStages(entry: OffsetEntry, before: CommitEntry | undefined): StreamStages {
    const { checkpoint } = this.#options;
    const state = before?.state ?? [];
    const snapshot = state.some((partitions) => partitions.some((files) => files.length >= DELTAS_MAX));
    return {
      statePartitions: checkpoint.metadata.statePartitions,
      snapshot,
      stateFiles: (operator, partition) => (state[operator]?.[partition] ?? []).map(toScanFile),
      statePath: (operator, partition) =>
        checkpoint.statePath(operator, partition, entry.batchId, snapshot ? 'snapshot' : 'delta'),
      highestUs: (watermark, range) => before?.highestUs[watermark]?.[range],
    };
  }
}
