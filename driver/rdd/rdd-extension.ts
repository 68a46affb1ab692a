import type { FileSystem } from '../../client/fs/file-system.ts';
import type { Config } from '../../common/config.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import { decodeRddPlan } from '../../common/rdd/rdd-plan.ts';
import type { RddCountResult, RddFileResult } from '../../common/rdd/rdd-task.ts';
import type { Seams } from '../../common/seams/seams.ts';
import type { RddAction } from '../../proto/gen/quarry/RddAction.ts';
import type { RddPlan } from '../../proto/gen/quarry/RddPlan.ts';
import type { StructType } from '../plan/spark-type.ts';
import type { Compute } from '../schedule/compute.ts';
import type { StageSpec } from '../schedule/job-graph.ts';
import type { QueryBatch, QueryContext } from '../schedule/query-runner.ts';
import type { Pipeline } from './pipeline.ts';
import { planStages } from './plan-job.ts';
import { SaveCommit } from './save-commit.ts';
import { filePipelines, valuePipelines } from './source-pipelines.ts';

export interface RddExtensionOptions {
  readonly compute: Pick<Compute, 'jobs' | 'files'>;
  readonly fileSystem: FileSystem;
  readonly config: Config;
  readonly seams: Pick<Seams, 'log' | 'random'>;
}

/**
 * Plans and runs RDD plans that travel as google.protobuf.Any with RDD_PLAN_TYPE_URL. Rows come as Arrow batches with one string
 * column `value`, a JSON text each (common/rdd/value-codec.ts); a count is one such row, a save one with { files, rowCount }.
 */
export class RddExtension {
  readonly schema: StructType = {
    kind: 'struct',
    fields: [{ name: 'value', type: { kind: 'string' }, nullable: false }],
  };
  readonly #options: RddExtensionOptions;

  constructor(options: RddExtensionOptions) {
    this.#options = options;
  }

  /** Errors: as JobRunner.run, INVALID_ARGUMENT for a malformed plan, FILE_NOT_FOUND, BAD_DATA, FILE_EXISTS (a save's target). */
  async *run(message: Buffer, context: QueryContext): AsyncGenerator<QueryBatch> {
    const plan = decodeRddPlan(message);
    const { action } = plan;
    if (action === null)
      throw new QuarryError('INVALID_ARGUMENT', 'the RDD plan is malformed: it has no action');
    const job = new RddJob(this.#options, context, plan.nodes, action, await this.#sources(plan));
    switch (action.kind) {
      case 'SAVE_TEXT':
      case 'SAVE_JSON':
        yield await oneRow(await job.save());
        return;
      case 'COUNT':
      case 'FOREACH':
        yield await oneRow(await job.count());
        return;
      case 'TAKE':
        yield* nonEmpty(job.take(action.limit));
        return;
      default:
        yield* nonEmpty(job.rows());
    }
  }

  async #sources({ nodes }: RddPlan): Promise<Map<number, Pipeline[]>> {
    const { compute, fileSystem, config } = this.#options;
    const sources = new Map<number, Pipeline[]>();
    for (const [index, { files, values }] of nodes.entries()) {
      if (files) sources.set(index, await filePipelines(files, { fileSystem, files: compute.files }));
      if (values) sources.set(index, valuePipelines(values, config['driver.shufflePartitions']));
    }
    return sources;
  }
}

class RddJob {
  readonly #options: RddExtensionOptions;
  readonly #context: QueryContext;
  readonly #nodes: RddPlan['nodes'];
  readonly #action: RddAction;
  readonly #sources: ReadonlyMap<number, readonly Pipeline[]>;

  constructor(
    options: RddExtensionOptions,
    context: QueryContext,
    nodes: RddPlan['nodes'],
    action: RddAction,
    sources: ReadonlyMap<number, readonly Pipeline[]>,
  ) {
    this.#options = options;
    this.#context = context;
    this.#nodes = nodes;
    this.#action = action;
    this.#sources = sources;
  }

  rows(): AsyncGenerator<QueryBatch, readonly unknown[]> {
    return this.#run(this.#jobId(), this.#stages(''));
  }

  /** The first partition alone, then four times as many, and so on: most of the data need not be read. */
  async *take(limit: number): AsyncGenerator<QueryBatch> {
    const stages = this.#stages('');
    const last = stages.at(-1)!;
    // With a shuffle before it the whole input is read anyhow, and reading it twice would be the greater waste.
    let wave = stages.length > 1 ? last.tasks.length : 1;
    let taken = 0;
    for (let first = 0; first < last.tasks.length && taken < limit; first += wave, wave *= 4) {
      const tasks = last.tasks.slice(first, first + wave).map((task, partition) => ({ ...task, partition }));
      for await (const batch of this.#run(this.#jobId(), [...stages.slice(0, -1), { ...last, tasks }])) {
        taken += batch.rowCount;
        yield batch;
        if (taken >= limit) return;
      }
    }
  }

  async count(): Promise<number> {
    const results = (await drain(this.rows())) as readonly RddCountResult[];
    return results.reduce((sum, { count }) => sum + count, 0);
  }

  async save(): Promise<{ readonly files: number; readonly rowCount: number }> {
    const { fileSystem, seams } = this.#options;
    const jobId = this.#jobId();
    const commit = await SaveCommit.open(fileSystem, this.#action, jobId);
    try {
      const stages = this.#stages(commit.temporaryDirectory);
      const files = (await drain(this.#run(jobId, stages))) as readonly RddFileResult[];
      await commit.publish(files);
      return { files: files.length, rowCount: files.reduce((sum, { rowCount }) => sum + rowCount, 0) };
    } catch (thrown) {
      await commit.abort().catch((failure: unknown) => {
        // The caller gets the error that ended the save, not that of clearing up after it.
        seams.log.warn({ err: failure, path: this.#action.path }, 'save.not-cleared');
      });
      throw thrown;
    }
  }

  #stages(temporaryDirectory: string): readonly StageSpec[] {
    return planStages({
      nodes: this.#nodes,
      action: this.#action,
      sources: this.#sources,
      shufflePartitions: this.#options.config['driver.shufflePartitions'],
      temporaryDirectory,
    });
  }

  async *#run(jobId: string, stages: readonly StageSpec[]): AsyncGenerator<QueryBatch, readonly unknown[]> {
    const { sessionId, operationId, jobName, signal, onProgress } = this.#context;
    const job = { jobId, name: jobName, sessionId, operationId, stages };
    const batches = this.#options.compute.jobs.run(job, { signal, onProgress });
    try {
      for (;;) {
        const next = await batches.next();
        if (next.done === true) return next.value.results;
        yield { arrowIpc: next.value.data, rowCount: next.value.rowCount };
      }
    } finally {
      // A caller that left early ends the job; after its end this does nothing.
      await batches.return({ results: [], stages: [] });
    }
  }

  #jobId(): string {
    return `rdd-${this.#options.seams.random.bytes(6).toString('hex')}`;
  }
}

async function drain(batches: AsyncGenerator<QueryBatch, readonly unknown[]>): Promise<readonly unknown[]> {
  for (;;) {
    const next = await batches.next();
    if (next.done === true) return next.value;
  }
}

async function* nonEmpty(batches: AsyncIterable<QueryBatch>): AsyncGenerator<QueryBatch> {
  let isEmpty = true;
  for await (const batch of batches) {
    isEmpty = false;
    yield batch;
  }
  if (isEmpty) yield await batchOfLines('', 0);
}

async function oneRow(value: unknown): Promise<QueryBatch> {
  return batchOfLines(`${JSON.stringify(value)}\n`, 1);
}

/** Arrow's library is loaded when the driver first makes a batch itself. */
async function batchOfLines(lines: string, rowCount: number): Promise<QueryBatch> {
  const { arrowOfLines } = await import('../../common/rdd/arrow-lines.ts');
  return { arrowIpc: arrowOfLines(Buffer.from(lines), rowCount), rowCount };
}
