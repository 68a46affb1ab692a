/** One life of a process on a node, as clocks, disks and the network see it. A node that starts again is another process. */
export class SimProcess {
  readonly node: string;
  #alive = true;
  /** What waits for the process to go on, in order; undefined while it runs. */
  #held: (() => void)[] | undefined;

  constructor(node: string) {
    this.node = node;
  }

  readonly isAlive = (): boolean => this.#alive;

  crash(): void {
    this.#alive = false;
    this.#held = undefined;
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
