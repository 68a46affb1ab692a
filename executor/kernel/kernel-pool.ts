import { DuckDbKernel, type KernelOptions, type KernelSession } from './duckdb-kernel.ts';

/** Kernels that outlive tasks: opening one costs 10 ms, most of a small job. One a running task, opened when first needed. */
export class KernelPool {
  readonly #options: KernelOptions;
  readonly #idle: DuckDbKernel[] = [];
  readonly #open = new Set<DuckDbKernel>();

  constructor(options: KernelOptions) {
    this.#options = options;
  }

  /** Runs `work` on a connection that `signal` interrupts. */
  async use<T>(
    timeZone: string,
    signal: AbortSignal,
    work: (session: KernelSession) => Promise<T>,
  ): Promise<T> {
    const kernel = this.#idle.pop() ?? (await this.#openKernel());
    try {
      const session = await kernel.connect(timeZone);
      const interrupt = () => session.interrupt();
      signal.addEventListener('abort', interrupt, { once: true });
      try {
        return await work(session);
      } finally {
        signal.removeEventListener('abort', interrupt);
        session.close();
      }
    } finally {
      this.#idle.push(kernel);
    }
  }

  /** Opens the first kernel, so that no job waits for it. */
  async warmUp(): Promise<void> {
    if (this.#open.size === 0) await this.use('UTC', new AbortController().signal, async () => undefined);
  }

  close(): void {
    for (const kernel of this.#open) kernel.close();
    this.#open.clear();
    this.#idle.length = 0;
  }

  async #openKernel(): Promise<DuckDbKernel> {
    const kernel = await DuckDbKernel.open(this.#options);
    this.#open.add(kernel);
    return kernel;
  }
}
