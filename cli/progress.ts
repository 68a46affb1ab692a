const BAR_CELLS = 30;

/** Progress of long work on stderr: a bar that redraws itself on a terminal, a plain line every few seconds elsewhere. */
export class Progress {
  readonly #what: string;
  readonly #isTerminal = process.stderr.isTTY;
  readonly #everyMs = this.#isTerminal ? 100 : 5_000;
  #shownMs = performance.now();

  constructor(what: string) {
    this.#what = what;
  }

  /** `total` 0: not known. */
  update(done: number, total: number, unit = 'bytes'): void {
    const nowMs = performance.now();
    if (nowMs - this.#shownMs < this.#everyMs) return;
    this.#shownMs = nowMs;
    const amount = unit === 'bytes' ? `${(done / 2 ** 20).toFixed(1)} MiB` : `${done} ${unit}`;
    const share = total > 0 ? Math.min(1, done / total) : 0;
    if (!this.#isTerminal) {
      console.error(`${this.#what}: ${amount}${total > 0 ? ` (${Math.floor(share * 100)} %)` : ''}`);
      return;
    }
    const bar = total > 0 ? `[${'#'.repeat(Math.round(share * BAR_CELLS)).padEnd(BAR_CELLS)}] ` : '';
    process.stderr.write(`\r\x1b[K${this.#what} ${bar}${amount}`);
  }

  end(): void {
    if (this.#isTerminal) process.stderr.write('\r\x1b[K');
  }
}
