/**
 * Block id -> row by open addressing in typed arrays: 12 bytes a slot at a load of at most two thirds, no object a block.
 * Id 0 marks a free slot; a removed entry is closed by shifting its run back, so there are no tombstones.
 */
export class IdIndex {
  #ids: Float64Array;
  #rows: Int32Array;
  #size = 0;

  constructor(capacity = 1024) {
    this.#ids = new Float64Array(capacity);
    this.#rows = new Int32Array(capacity);
  }

  get size(): number {
    return this.#size;
  }

  /** -1 when the id is not there. */
  get(id: number): number {
    const slot = this.#find(id);
    return this.#ids[slot] === id ? this.#rows[slot]! : -1;
  }

  set(id: number, row: number): void {
    if ((this.#size + 1) * 3 > this.#ids.length * 2) this.#grow();
    const slot = this.#find(id);
    if (this.#ids[slot] !== id) this.#size++;
    this.#ids[slot] = id;
    this.#rows[slot] = row;
  }

  delete(id: number): void {
    let hole = this.#find(id);
    if (this.#ids[hole] !== id) return;
    this.#size--;
    const mask = this.#ids.length - 1;
    for (let at = (hole + 1) & mask; this.#ids[at] !== 0; at = (at + 1) & mask) {
      // An entry may move into the hole unless its own run starts behind it.
      const home = this.#home(this.#ids[at]!);
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      this.#ids[hole] = this.#ids[at]!;
      this.#rows[hole] = this.#rows[at]!;
      hole = at;
    }
    this.#ids[hole] = 0;
  }

  #home(id: number): number {
    // Ids are sequential: a multiplicative hash spreads them, and keeps runs short when many were deleted.
    return (Math.imul(id | 0, 0x9e3779b1) >>> 8) & (this.#ids.length - 1);
  }

  #find(id: number): number {
    const mask = this.#ids.length - 1;
    let slot = this.#home(id);
    while (this.#ids[slot] !== 0 && this.#ids[slot] !== id) slot = (slot + 1) & mask;
    return slot;
  }

  #grow(): void {
    const ids = this.#ids;
    const rows = this.#rows;
    this.#ids = new Float64Array(ids.length * 2);
    this.#rows = new Int32Array(ids.length * 2);
    for (let i = 0; i < ids.length; i++) {
      if (ids[i] === 0) continue;
      const slot = this.#find(ids[i]!);
      this.#ids[slot] = ids[i]!;
      this.#rows[slot] = rows[i]!;
    }
  }
}
