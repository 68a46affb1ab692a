import type { BlockCache } from '../cache/block-cache.ts';
import type { OpenRunners } from './open-runners.ts';
import type { ExecutorEnvironment, TaskRunner } from './task-runner.ts';

/** The runners as they are before their first task: loading the kernel takes a tenth of a second that serving does not wait for. */
export class LazyRunners {
  readonly sql: TaskRunner;
  readonly rdd: TaskRunner;
  readonly #open: () => Promise<OpenRunners>;
  #opened: Promise<OpenRunners> | undefined;

  constructor(environment: ExecutorEnvironment, cache: BlockCache) {
    this.#open = () =>
      (this.#opened ??= import('./open-runners.ts').then(({ openRunners }) =>
        openRunners(environment, cache),
      ));
    this.sql = this.#runner('sql');
    this.rdd = this.#runner('rdd');
  }

  /** Loads what the first task would wait for, and opens the first kernel. */
  async warmUp(): Promise<void> {
    const { kernels } = await this.#open();
    await kernels.warmUp();
  }

  async close(): Promise<void> {
    const opened = await this.#opened;
    await opened?.rdd.close();
    await opened?.sql.close();
  }

  #runner(kind: 'sql' | 'rdd'): TaskRunner {
    return {
      run: async (context) => (await this.#open())[kind].run(context),
      close: () => this.close(),
    };
  }
}
