import { setMaxListeners } from 'node:events';
import type { Logger } from '../../common/log.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { Command } from '../../proto/gen/quarry/Command.ts';

const FINISHED_MAX = 4_096;

export type RunOrder = (command: Command, signal: AbortSignal) => Promise<void>;

/**
 * Runs the namenode's orders, each once however often it is given, all at the same time: the namenode bounds their
 * number. One that has ended, well or not, is reported as done; the namenode decides what is still to do.
 */
export class OrderRunner {
  readonly #run: RunOrder;
  readonly #log: Logger;
  readonly #onDone: () => void;
  readonly #running = new Set<number>();
  /** Of all sessions. */
  readonly #work = new Set<Promise<void>>();
  /** Oldest first. */
  readonly #finished = new Set<number>();
  #toReport = new Set<number>();
  readonly #stop = new AbortController();
  #session = 0;

  /** `onDone`: there is something to report. */
  constructor(run: RunOrder, log: Logger, onDone: () => void = () => undefined) {
    this.#run = run;
    this.#onDone = onDone;
    this.#log = log;
    // Every order under way listens, and the namenode gives dozens of small ones at once.
    setMaxListeners(0, this.#stop.signal);
  }

  /** Ids whose work has ended since the last call. A repeat of an order whose report was lost is reported again. */
  takeDone(session: number): number[] {
    this.#enter(session);
    const done = [...this.#toReport];
    this.#toReport = new Set();
    return done;
  }

  accept(commands: readonly Command[], session: number): void {
    this.#enter(session);
    for (const command of commands) {
      if (this.#finished.has(command.id)) this.#toReport.add(command.id);
      else if (!this.#running.has(command.id)) this.#start(command, session);
    }
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#work);
  }

  /** Ids are of one session: a namenode that has restarted counts anew. */
  #enter(session: number): void {
    if (session === this.#session) return;
    this.#session = session;
    this.#finished.clear();
    this.#toReport.clear();
    this.#running.clear();
  }

  #start(command: Command, session: number): void {
    this.#running.add(command.id);
    const work = this.#run(command, this.#stop.signal)
      .catch((thrown: unknown) => {
        const { code, message } = QuarryError.from(thrown);
        const level = code === 'INTERNAL' ? 'error' : 'warn';
        this.#log[level]({ id: command.id, order: command.order, code, reason: message }, 'order.failed');
      })
      .then(() => {
        this.#work.delete(work);
        if (session !== this.#session) return;
        this.#running.delete(command.id);
        this.#finished.add(command.id);
        this.#toReport.add(command.id);
        for (const oldest of this.#finished) {
          if (this.#finished.size <= FINISHED_MAX) break;
          this.#finished.delete(oldest);
        }
        this.#onDone();
      });
    this.#work.add(work);
  }
}
