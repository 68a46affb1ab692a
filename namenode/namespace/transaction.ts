import { assert } from '../../common/assert.ts';
import type { Table } from './codec.ts';
import { COUNTERS_KEY } from './keys.ts';
import { COUNTERS, type Counters } from './records.ts';

export interface Reader {
  get<R>(table: Table<R>, key: string): R | undefined;
}

/** A put, or a deletion when `record` is undefined. */
export interface Edit {
  readonly table: Table<unknown>;
  readonly record: unknown;
}
export type Edits = ReadonlyMap<string, Edit>;

/** What time a command is executed at: `nowMs` for people, `monoMs` for leases and deadlines. */
export interface Time {
  readonly nowMs: number;
  readonly monoMs: number;
}

/**
 * The edits of one command over the pending state. A command that throws leaves nothing behind: its edits are dropped and
 * its effects on memory (`afterward`) do not run, unless it said `keepOnError`.
 */
export class Transaction implements Reader {
  readonly time: Time;
  readonly #base: Reader;
  readonly #edits = new Map<string, Edit>();
  readonly #effects: (() => void)[] = [];
  #kept = false;

  constructor(base: Reader, time: Time) {
    this.#base = base;
    this.time = time;
  }

  get<R>(table: Table<R>, key: string): R | undefined {
    const edit = this.#edits.get(key);
    return edit === undefined ? this.#base.get(table, key) : (edit.record as R | undefined);
  }

  put<R>(table: Table<R>, key: string, record: R): void {
    this.#edits.set(key, { table: table as Table<unknown>, record });
  }

  delete<R>(table: Table<R>, key: string): void {
    this.#edits.set(key, { table: table as Table<unknown>, record: undefined });
  }

  get counters(): Counters {
    const counters = this.get(COUNTERS, COUNTERS_KEY);
    assert(counters !== undefined, 'an open namespace has counters');
    return counters;
  }

  count(change: Partial<Counters>): void {
    this.put(COUNTERS, COUNTERS_KEY, { ...this.counters, ...change });
  }

  /** Runs when the command has succeeded. */
  afterward(effect: () => void): void {
    this.#effects.push(effect);
  }

  /** Runs the effects so far, for a command that cannot fail any more and goes on with their outcome. */
  settleEffects(): void {
    for (const effect of this.#effects.splice(0)) effect();
  }

  /** For the rare error that comes with a change: what was done so far stays. */
  keepOnError(): void {
    this.#kept = true;
  }

  get isKept(): boolean {
    return this.#kept;
  }

  get size(): number {
    return this.#edits.size;
  }

  /** Runs the effects and answers the edits. */
  finish(): Edits {
    this.settleEffects();
    return this.#edits;
  }
}
