/** One exclusive change at a time for each block, in the order of the calls. */
export class BlockLocks {
  readonly #tails = new Map<number, Promise<void>>();

  /** What an append has to wait for; undefined when no change is under way. */
  held(blockId: number): Promise<void> | undefined {
    return this.#tails.get(blockId);
  }

  async exclusively<T>(blockId: number, change: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(blockId);
    let release: () => void = () => undefined;
    const tail = new Promise<void>((resolve) => {
      release = resolve;
    });
    this.#tails.set(blockId, tail);
    try {
      await before;
      return await change();
    } finally {
      if (this.#tails.get(blockId) === tail) this.#tails.delete(blockId);
      release();
    }
  }
}
