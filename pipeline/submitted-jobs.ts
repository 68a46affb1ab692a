import type { ChildProcess } from 'node:child_process';
import { QuarryError } from '../common/quarry-error.ts';

const STOP_MS = 6_000;

/** The `quarry submit` processes of a pipeline: none begins when it stops, and none outlives it. */
export class SubmittedJobs {
  readonly #running = new Set<ChildProcess>();
  #isOver = false;

  /** Errors: INTERRUPTED when the pipeline stops. */
  start(spawn: () => ChildProcess): ChildProcess {
    if (this.#isOver) throw new QuarryError('INTERRUPTED', 'the pipeline stops');
    const child = spawn();
    this.#running.add(child);
    child.once('close', () => this.#running.delete(child));
    return child;
  }

  /** SIGTERM, with which a job ends its queries first. */
  async end(): Promise<void> {
    this.#isOver = true;
    await Promise.all(
      [...this.#running].map(async (child) => {
        const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
        child.kill('SIGTERM');
        const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
        await closed;
        clearTimeout(timer);
      }),
    );
  }
}
