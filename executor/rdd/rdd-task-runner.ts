import { assert } from '../../common/assert.ts';
import type { RddTask } from '../../common/rdd/rdd-task.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { ExecutorEnvironment, TaskContext, TaskOutcome, TaskRunner } from '../task/task-runner.ts';
import type { OutputMessage } from './channel-message.ts';
import { RddThreadPool } from './rdd-thread-pool.ts';
import { TaskChannel } from './task-channel.ts';
import { openOutput, type TaskOutput } from './task-output.ts';
import { chunksOfSource, type SqlRunner } from './task-source.ts';

/** Runs tasks of user code: this thread reads, writes and shuffles, a thread of its own computes. */
export class RddTaskRunner implements TaskRunner {
  readonly #environment: ExecutorEnvironment;
  readonly #sql: SqlRunner;
  readonly #threads: RddThreadPool;

  /** `sql` runs the queries whose rows are a task's input; closing it is its owner's business. */
  constructor(environment: ExecutorEnvironment, sql: SqlRunner) {
    this.#environment = environment;
    this.#sql = sql;
    const slots = Math.max(1, environment.config['executor.slots']);
    this.#threads = new RddThreadPool({
      threadsMax: slots,
      memoryBytesMax: environment.config['executor.memoryLimitBytes'] / slots,
    });
  }

  async run(context: TaskContext): Promise<TaskOutcome> {
    const { rdd } = context.request;
    assert(rdd !== undefined && rdd !== null, 'an RDD task carries its work');
    const task = JSON.parse(rdd.toString()) as RddTask;
    const output = await openOutput(task.sink, this.#environment, context);
    try {
      const rowsWritten = await this.#compute(task, context, output);
      return await output.finish(rowsWritten);
    } catch (thrown) {
      await this.#discard(output);
      throw thrown;
    }
  }

  async close(): Promise<void> {
    await this.#threads.close();
  }

  async #compute(task: RddTask, context: TaskContext, output: TaskOutput): Promise<number> {
    const channel = new TaskChannel((message) => this.#take(message, output));
    // Any of the three that fails ends the other two.
    const failed = new AbortController();
    const signal = AbortSignal.any([context.signal, failed.signal]);
    const source = chunksOfSource(task.source, this.#environment, { ...context, signal }, this.#sql);
    const parts = [channel.feed(source), this.#threads.run(task, channel, signal), channel.done] as const;
    let first: unknown;
    for (const part of parts) {
      part.catch((thrown: unknown) => {
        first ??= thrown;
        failed.abort();
        channel.close();
      });
    }
    try {
      const computed = await parts[1];
      // The thread has all it wants: a source that is still being read has nothing to add.
      await channel.done;
      context.metrics.rowsRead += computed.rowsRead;
      context.metrics.rowsWritten += computed.rowsWritten;
      return computed.rowsWritten;
    } catch (thrown) {
      throw first ?? thrown;
    } finally {
      channel.close();
      await Promise.allSettled([parts[0]]);
    }
  }

  async #take(
    message: OutputMessage & { kind: 'rows' | 'partition' | 'print' },
    output: TaskOutput,
  ): Promise<void> {
    switch (message.kind) {
      case 'rows':
        return output.rows(message.lines, message.rowCount);
      case 'partition':
        return output.partition(message.partition, message.lines, message.rowCount);
      case 'print':
        this.#environment.log.info({ level: message.level, text: message.text }, 'function.printed');
    }
  }

  async #discard(output: TaskOutput): Promise<void> {
    try {
      await output.discard();
    } catch (thrown) {
      // The caller gets the error that ended the task; what it left is removed with the job.
      this.#environment.log.warn({ err: QuarryError.from(thrown) }, 'task-output.not-discarded');
    }
  }
}
