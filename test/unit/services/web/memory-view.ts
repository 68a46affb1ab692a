import { SystemClock } from '../../../../common/seams/clock.ts';
import type { KeyValueView, ViewMarker } from '../../../../sinks/key-value-view.ts';

/** A view in memory that counts what it is asked. */
export class MemoryView implements KeyValueView {
  readonly values = new Map<string, Map<string, string>>();
  readonly asked = { marker: 0, keys: 0, read: 0, readKeys: 0 };
  at: ViewMarker | undefined;
  failure: Error | undefined;

  put(key: string, field: string, value: number): void {
    const fields = this.values.get(key) ?? new Map<string, string>();
    fields.set(field, String(value));
    this.values.set(key, fields);
  }

  next(): void {
    this.at = { epoch: 1, batchId: (this.at?.batchId ?? -1) + 1 };
  }

  marker(): Promise<ViewMarker | undefined> {
    this.asked.marker += 1;
    return this.#answer(this.at);
  }

  keys(_view: string, from: string, until: string): Promise<string[]> {
    this.asked.keys += 1;
    return this.#answer([...this.values.keys()].filter((key) => key >= from && key < until).toSorted());
  }

  read(_view: string, keys: readonly string[]): Promise<Map<string, Map<string, string>>> {
    this.asked.read += 1;
    this.asked.readKeys += keys.length;
    return this.#answer(new Map(keys.map((key) => [key, new Map(this.values.get(key))])));
  }

  views(): Promise<string[]> {
    return this.#answer([]);
  }

  commit(): Promise<never> {
    throw new Error('the web service writes nothing');
  }

  drop(): Promise<never> {
    throw new Error('the web service drops nothing');
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #answer<T>(value: T): Promise<T> {
    return this.failure === undefined ? Promise.resolve(value) : Promise.reject(this.failure);
  }
}

/** Stands still until it is moved. */
export class HandClock extends SystemClock {
  ms = Date.parse('2026-11-22T12:00:00Z');

  override nowMs(): number {
    return this.ms;
  }

  override monoMs(): number {
    return this.ms;
  }
}
