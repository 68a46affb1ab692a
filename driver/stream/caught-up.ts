/** Who waits for a query to have read all that was there when they asked, the first to ask first. */
export class CaughtUp {
  readonly #waiting: { resolve: () => void; reject: (thrown: unknown) => void }[] = [];

  get count(): number {
    return this.#waiting.length;
  }

  wait(): Promise<void> {
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** The first `count` have what they wait for. */
  done(count: number): void {
    for (const { resolve } of this.#waiting.splice(0, count)) resolve();
  }

  /** The query has ended, or failed. */
  end(error: Error | undefined): void {
    for (const { resolve, reject } of this.#waiting.splice(0)) {
      if (error === undefined) resolve();
      else reject(error);
    }
  }
}
