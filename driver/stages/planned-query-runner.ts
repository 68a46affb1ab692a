import { randomUUID } from 'node:crypto';
import type { FileSystem } from '../../client/fs/file-system.ts';
import type { Config } from '../../common/config.ts';
import type { Logger } from '../../common/log.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { SplitPlanner } from '../files/split-planner.ts';
import { translateKernelError } from '../plan/kernel-error.ts';
import type { LogicalPlan } from '../plan/logical-plan.ts';
import { optimize } from '../plan/optimize.ts';
import type { ExecutorSpec, JobSpec, StageSpec } from '../schedule/job-graph.ts';
import type { JobRunner } from '../schedule/job-runner.ts';
import type {
  QueryBatch,
  QueryContext,
  QueryRunner,
  WriteSummary,
  WriteTarget,
} from '../schedule/query-runner.ts';
import { columnOf } from './column-type.ts';
import { FileCommit } from './file-commit.ts';
import { type FinalOutput, StagePlanner, type StagePlannerOptions } from './stage-planner.ts';

export interface QueryRunnerOptions {
  readonly jobs: JobRunner;
  readonly splits: SplitPlanner;
  readonly fileSystem: FileSystem;
  readonly config: Config;
  readonly executors: () => readonly ExecutorSpec[];
  readonly log: Logger;
}

const BROADCAST_KEY = 'spark.sql.autoBroadcastJoinThreshold';
const PARTITIONS_KEY = 'spark.sql.shuffle.partitions';
const BROADCAST_BYTES_DEFAULT = 10 * 1024 * 1024;

/** Optimises, cuts into stages, runs. */
export class PlannedQueryRunner implements QueryRunner {
  readonly #options: QueryRunnerOptions;

  constructor(options: QueryRunnerOptions) {
    this.#options = options;
  }

  async *run(plan: LogicalPlan, context: QueryContext): AsyncGenerator<QueryBatch> {
    const columns = plan.output.map(columnOf);
    const stages = await this.#plan(plan, context, {
      output: { kind: 'result' },
      label: 'result',
      wrap: (fragment) => fragment,
      task: () => ({ result: { columns } }),
    });
    const batches = this.#options.jobs.run(jobOf(stages, context), context);
    // Every task sends a batch at least; an empty one is of use only when there is nothing else.
    let empty: QueryBatch | undefined;
    let sent = false;
    try {
      for await (const { data, rowCount } of batches) {
        const batch = { arrowIpc: data, rowCount };
        if (rowCount === 0) empty ??= batch;
        else {
          sent = true;
          yield batch;
        }
      }
    } catch (thrown) {
      throw explained(thrown);
    }
    if (!sent && empty !== undefined) yield empty;
  }

  async write(plan: LogicalPlan, target: WriteTarget, context: QueryContext): Promise<WriteSummary> {
    const commit = await FileCommit.prepare(this.#options.fileSystem, plan, target);
    if (commit === undefined) return { files: 0, rowCount: 0, lengthBytes: 0 };
    const blockSizeBytes = Number(target.options['quarry.blockSizeBytes'] ?? 0);
    try {
      const stages = await this.#plan(plan, context, {
        output: { kind: 'file' },
        label: `write ${target.path}`,
        wrap: (fragment) => commit.query(fragment),
        task: (partition) => ({ file: commit.taskOutput(partition, blockSizeBytes) }),
      });
      const job = this.#options.jobs.run(jobOf(stages, context), context);
      let step = await job.next();
      while (step.done !== true) step = await job.next();
      return await commit.publish(step.value.results);
    } catch (thrown) {
      await this.#abandon(commit);
      throw explained(thrown);
    }
  }

  async #abandon(commit: FileCommit): Promise<void> {
    try {
      await commit.abandon();
    } catch (thrown) {
      // The caller gets what ended the job; what is left is invisible under _temporary.
      this.#options.log.warn({ err: QuarryError.from(thrown) }, 'write.not-cleaned-up');
    }
  }

  #plan(plan: LogicalPlan, context: QueryContext, final: FinalOutput): Promise<StageSpec[]> {
    return new StagePlanner(stagePlannerOptions(this.#options, context)).plan(optimize(plan), final);
  }
}

/** How a session's settings and the cluster as it is shape stages. */
export function stagePlannerOptions(
  { config, splits, executors }: Pick<QueryRunnerOptions, 'config' | 'splits' | 'executors'>,
  { conf, timeZone }: Pick<QueryContext, 'conf' | 'timeZone'>,
): StagePlannerOptions {
  const slots = executors().reduce((sum, executor) => sum + executor.slots, 0);
  const partitions = Number(conf.get(PARTITIONS_KEY));
  return {
    splits,
    singleTaskMaxBytes: config['driver.singleTaskMaxBytes'],
    shufflePartitions: partitions >= 1 ? Math.min(partitions, 2_000) : config['driver.shufflePartitions'],
    broadcastMaxBytes: sizeOf(conf.get(BROADCAST_KEY)) ?? BROADCAST_BYTES_DEFAULT,
    slots: Math.max(1, slots),
    timeZone,
  };
}

function jobOf(stages: readonly StageSpec[], context: QueryContext): JobSpec {
  return {
    jobId: `job-${randomUUID()}`,
    name: context.jobName,
    sessionId: context.sessionId,
    operationId: context.operationId,
    stages,
  };
}

/** The kernel's words as Spark's error, where they are about a user's data. */
export function explained(thrown: unknown): unknown {
  if (!(thrown instanceof QuarryError) || thrown.details['kernel'] !== true) return thrown;
  if (thrown.details['path'] !== undefined) return thrown;
  return translateKernelError(thrown.message) ?? thrown;
}

const UNITS: Readonly<Record<string, number>> = { b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** Spark's sizes: 10485760, 10MB, 10m, -1. Undefined when absent or unreadable. */
function sizeOf(text: string | undefined): number | undefined {
  const match = /^(-?\d+)\s*([bkmg])?b?$/i.exec(text?.trim() ?? '');
  if (match === null) return undefined;
  return Number(match[1]) * (UNITS[match[2]?.toLowerCase() ?? 'b'] ?? 1);
}
