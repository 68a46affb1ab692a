import { join } from 'node:path';
import type { Piscina } from 'piscina';
import { packageRoot } from '../../common/package-root.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { TaskChannel } from './task-channel.ts';
import type { RddTask } from '../../common/rdd/rdd-task.ts';
import type { WorkerOutcome } from './rdd-worker.ts';

export interface RddThreadPoolOptions {
  readonly threadsMax: number;
  /** Of JavaScript objects, for each thread. */
  readonly memoryBytesMax: number;
}

/** An idle thread is kept that long: the next task then starts at once. */
const IDLE_MS = 60_000;

/** Threads for user code. A task has one to itself; cancelling it ends the thread, whatever the code is doing. */
export class RddThreadPool {
  readonly #options: RddThreadPoolOptions;
  #pool: Promise<Piscina> | undefined;

  constructor(options: RddThreadPoolOptions) {
    this.#options = options;
  }

  /** Errors: what the worker answered, INTERRUPTED, OUT_OF_MEMORY, USER_CODE when the code ended its own thread. */
  async run(
    task: RddTask,
    channel: TaskChannel,
    signal: AbortSignal,
  ): Promise<WorkerOutcome & { readonly ok: true }> {
    const job = { task, port: channel.port, sent: channel.sent };
    let outcome: WorkerOutcome;
    try {
      outcome = (await (
        await this.#start()
      ).run(job, { transferList: [channel.port], signal })) as WorkerOutcome;
    } catch (thrown) {
      throw threadFailure(thrown, signal, this.#options.memoryBytesMax);
    }
    if (!outcome.ok) throw QuarryError.fromWire(outcome.error);
    return outcome;
  }

  async close(): Promise<void> {
    await (await this.#pool)?.destroy();
  }

  /** Threads and their library come with the first RDD task: an executor that runs queries only has none. */
  #start(): Promise<Piscina> {
    this.#pool ??= openPool(this.#options);
    return this.#pool;
  }
}

async function openPool({ threadsMax, memoryBytesMax }: RddThreadPoolOptions): Promise<Piscina> {
  const { Piscina } = await import('piscina');
  const fromSources = import.meta.filename.endsWith('.ts');
  return new Piscina({
    // From the root: this file may be part of a bundle, the thread's is not.
    filename: join(
      packageRoot,
      fromSources ? 'executor/rdd/rdd-worker.ts' : 'dist/executor/rdd/rdd-worker.js',
    ),
    // From the sources, as in tests, a thread needs the loader that its process has.
    ...(fromSources ? { execArgv: ['--import', 'tsx'] } : {}),
    minThreads: 0,
    maxThreads: threadsMax,
    idleTimeout: IDLE_MS,
    // Nothing of the executor's environment is the business of user code.
    env: {},
    resourceLimits: { maxOldGenerationSizeMb: Math.ceil(memoryBytesMax / 2 ** 20) },
  });
}

function threadFailure(thrown: unknown, signal: AbortSignal, memoryBytesMax: number): QuarryError {
  if (signal.aborted) return new QuarryError('INTERRUPTED', 'the task was cancelled', { cause: thrown });
  const { code, message } = thrown as { code?: string; message?: string };
  if (code === 'ERR_WORKER_OUT_OF_MEMORY') {
    return new QuarryError(
      'OUT_OF_MEMORY',
      `the functions of a task needed more than ${Math.ceil(memoryBytesMax / 2 ** 20)} MiB: use more partitions, or raise executor.memoryLimitBytes`,
      { cause: thrown },
    );
  }
  return new QuarryError(
    'USER_CODE',
    `the functions of a task ended their thread: ${message ?? String(thrown)}`,
    {
      cause: thrown,
    },
  );
}
