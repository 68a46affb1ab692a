import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { resolveConfig } from '../../../../common/config.ts';
import { silentLog } from '../../../../common/log.ts';
import { SystemNet } from '../../../../common/seams/system-net.ts';
import type { JobSpec, TaskSpec } from '../../../../driver/schedule/job-graph.ts';
import type { JobBatch, JobOutcome, JobRunner } from '../../../../driver/schedule/job-runner.ts';
import { JobState } from '../../../../driver/schedule/job-state.ts';
import { BlockCache, type RangeSource } from '../../../../executor/cache/block-cache.ts';
import { KernelPool } from '../../../../executor/kernel/kernel-pool.ts';
import { ScanReader } from '../../../../executor/scan/scan-reader.ts';
import { DiskShuffleStore } from '../../../../executor/shuffle/disk-shuffle-store.ts';
import { ShuffleClient } from '../../../../executor/shuffle/shuffle-client.ts';
import { SqlTaskRunner } from '../../../../executor/task/sql-task-runner.ts';
import { newCounters } from '../../../../executor/task/task-runner.ts';
import type { RunTaskRequest } from '../../../../proto/gen/quarry/RunTaskRequest.ts';
import type { MemoryFileSystem } from './memory-file-system.ts';

/** Runs jobs of SQL tasks in this process, one task after the other, on a kernel and shuffle files of its own. */
export class LocalJobs implements JobRunner {
  readonly #runner: SqlTaskRunner;
  readonly #cache: BlockCache;
  readonly #directory: string;

  private constructor(runner: SqlTaskRunner, cache: BlockCache, directory: string) {
    this.#runner = runner;
    this.#cache = cache;
    this.#directory = directory;
  }

  static async open(files: MemoryFileSystem): Promise<LocalJobs> {
    const directory = await mkdtemp(join(tmpdir(), 'quarry-stream-'));
    const shuffle = new DiskShuffleStore({
      directory: join(directory, 'shuffle'),
      executorId: 'ex1',
      address: () => 'here',
      client: new ShuffleClient(new SystemNet()),
    });
    await shuffle.open();
    const source: RangeSource = {
      async read(file, { startBytes, endBytes }, _signal, take) {
        await take((await files.readFile(file.path)).subarray(startBytes, endBytes), 'dn1');
      },
    };
    const cache = new BlockCache({
      directory: join(directory, 'cache'),
      overflowDirectory: join(directory, 'overflow'),
      capacityBytes: 64 * 2 ** 20,
      source,
    });
    await cache.open();
    const kernels = new KernelPool({
      memoryLimitBytes: 256 * 2 ** 20,
      threads: 1,
      temporaryDirectory: join(directory, 'spill'),
    });
    const environment = {
      node: 'dn1',
      executorId: 'ex1',
      config: resolveConfig(),
      fileSystem: files.fileSystem,
      shuffle,
      temporaryDirectory: directory,
      memoryDirectory: join(directory, 'incoming'),
      log: silentLog(),
    };
    return new LocalJobs(
      new SqlTaskRunner(environment, kernels, new ScanReader(cache, source, 'dn1')),
      cache,
      directory,
    );
  }

  async *run(spec: JobSpec): AsyncGenerator<JobBatch, JobOutcome, undefined> {
    const job = new JobState(spec, 0);
    for (const stage of job.stages) {
      for (const task of stage.tasks) {
        const batches: JobBatch[] = [];
        const { partition } = task.spec;
        const outcome = await this.#runner.run({
          request: requestOf(job, stage.spec.id, task.spec),
          signal: new AbortController().signal,
          metrics: newCounters(),
          emit: async (data, rowCount) => void batches.push({ partition, data: Buffer.from(data), rowCount }),
        });
        // As the wire makes of it.
        task.result = JSON.parse(JSON.stringify(outcome.result ?? null)) as unknown;
        if (outcome.mapOutput !== undefined) task.output = outcome.mapOutput as never;
        task.done = true;
        if (stage === job.resultStage) yield* batches;
      }
    }
    const stages = job.stages.map((stage) => stage.tasks.map((task) => task.result));
    return { results: stages.at(-1)!, stages };
  }

  async close(): Promise<void> {
    await this.#runner.close();
    await this.#cache.close();
    await rm(this.#directory, { recursive: true, force: true });
  }
}

function requestOf(job: JobState, stage: number, task: TaskSpec): RunTaskRequest {
  if (task.work.kind !== 'sql') throw new Error('SQL alone');
  const { sql } = task.work;
  const { output } = job.stages[stage]!.spec;
  const inputs = (sql.inputs ?? []).map((input) => ({
    scan: null,
    shuffle: null,
    log: null,
    text: null,
    ...input,
  }));
  return {
    id: { jobId: job.spec.jobId, stage, partition: task.partition, attempt: 0 },
    work: 'sql',
    sql: {
      sql: '',
      timeZone: 'UTC',
      ...sql,
      inputs,
      steps: (sql.steps ?? []).map((step) => ({ sql: '', ...step })),
    },
    shuffles: job.shufflesOf(task),
    outputPartitions: output.kind === 'shuffle' ? output.partitions : 0,
  } as unknown as RunTaskRequest;
}
