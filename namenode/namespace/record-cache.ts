/**
 * Committed records by key. Only directory entries and the counters are kept, which are read on every path, and where an inode is
 * linked once that was asked: each answer with a path asks it of all directories above, nobody of most files. Two generations
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
    if (key[0] !== 'I' && key[0] !== 'M' && key[0] !== 'N') return;
    if (this.#young.size >= this.#generationMax) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, record);
  }

  /** The key's record has changed; undefined: it is gone. */
  update(key: string, record: unknown): void {
    // An older one in the old generation would come to light again.
    const known = this.#old.delete(key) || this.#young.has(key);
    if (record === undefined) this.#young.delete(key);
    else if (known || key[0] !== 'N') this.add(key, record);
  }
}
