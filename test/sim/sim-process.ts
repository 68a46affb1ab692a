import { QuarryError } from '../../common/quarry-error.ts';

/** One life of a process on a node, as clocks, disks and the network see it. A node that starts again is another process. */
export class SimProcess {
  readonly node: string;
  #alive = true;
  #ended!: (reason: Error) => void;
  /** Rejects when the process crashes: whoever waits for it would wait for ever. */
  readonly ended = new Promise<never>((_, reject) => {
    this.#ended = reject;
  });
  /** What waits for the process to go on, in order; undefined while it runs. */
  #held: (() => void)[] | undefined;

  constructor(node: string) {
    this.node = node;
    // Nobody may be waiting.
    this.ended.catch(() => undefined);
  }

  readonly isAlive = (): boolean => this.#alive;

  crash(): void {
    this.#alive = false;
    this.#held = undefined;
    this.#ended(new QuarryError('PEER_UNREACHABLE', `${this.node} crashed`));
  }

  /** SIGSTOP: nothing happens in the process until the answer is called (SIGCONT). */
  freeze(): () => void {
    this.#held ??= [];
    return () => {
      const held = this.#held ?? [];
      this.#held = undefined;
      for (const run of held) this.whenRunning(run);
    };
  }

  /** Runs in the process: at once, or when it goes on; never after its end. */
  whenRunning(run: () => void): void {
    if (!this.#alive) return;
    if (this.#held === undefined) run();
    else this.#held.push(run);
  }
}
