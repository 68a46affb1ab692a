interface OpCount {
  calls: number;
  errors: number;
  totalMs: number;
}

/** Calls, errors and time by operation, for /metrics. */
export class OpCounters {
  readonly #ops = new Map<string, OpCount>();

  count(op: string, durationMs: number, errorCode: string | undefined): void {
    let count = this.#ops.get(op);
    if (count === undefined) {
      count = { calls: 0, errors: 0, totalMs: 0 };
      this.#ops.set(op, count);
    }
    count.calls++;
    count.totalMs += durationMs;
    if (errorCode !== undefined) count.errors++;
  }

  entries(): readonly (readonly [op: string, count: Readonly<OpCount>])[] {
    return [...this.#ops];
  }
}
