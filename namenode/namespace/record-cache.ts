/**
 * Committed records by key. Only directory entries and the counters are kept: they are read on every path. Two generations
 * instead of an exact order of use: a record that is read stays, the older half of the rest goes when the younger is full.
 * The bound is a number of entries, about 400 bytes each.
 */
export class RecordCache {
  readonly #generationMax: number;
  #young = new Map<string, unknown>();
  #old = new Map<string, unknown>();

  constructor(entriesMax: number) {
    this.#generationMax = Math.max(1, Math.floor(entriesMax / 2));
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  get(key: string): unknown {
    const record = this.#young.get(key);
    if (record !== undefined) return record;
    const older = this.#old.get(key);
    if (older !== undefined) {
      this.#old.delete(key);
      this.add(key, older);
    }
    return older;
  }

  add(key: string, record: unknown): void {
    if (key[0] !== 'I' && key[0] !== 'M') return;
    if (this.#young.size >= this.#generationMax) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, record);
  }

  /** The key's record has changed; undefined: it is gone. */
  update(key: string, record: unknown): void {
    // An older one in the old generation would come to light again.
    this.#old.delete(key);
    if (record === undefined) this.#young.delete(key);
    else this.add(key, record);
  }
}
