/**
 * Committed records by key, least recently used first out. Only directory entries and the counters are kept: they are read
 * on every path, and the bound is a number of entries (about 400 bytes each).
 */
export class RecordCache {
  readonly #entriesMax: number;
  readonly #records = new Map<string, unknown>();

  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax;
  }

  get(key: string): unknown {
    const record = this.#records.get(key);
    if (record !== undefined) {
      this.#records.delete(key);
      this.#records.set(key, record);
    }
    return record;
  }

  add(key: string, record: unknown): void {
    if (key[0] !== 'I' && key[0] !== 'M') return;
    this.#records.delete(key);
    this.#records.set(key, record);
    if (this.#records.size <= this.#entriesMax) return;
    for (const oldest of this.#records.keys()) {
      this.#records.delete(oldest);
      return;
    }
  }

  /** The key's record has changed; undefined: it is gone. */
  update(key: string, record: unknown): void {
    if (record === undefined) this.#records.delete(key);
    else this.add(key, record);
  }
}
