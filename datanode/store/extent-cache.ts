import type { Extents } from './extent.ts';

/** Extents of finalized replicas, the longest unused out first. 64 blocks of 128 MiB are about 5 MiB. */
export class ExtentCache {
  readonly #entries = new Map<number, Extents>();
  readonly #entriesMax: number;

  constructor(entriesMax = 64) {
    this.#entriesMax = entriesMax;
  }

  get(blockId: number, load: () => Extents): Extents {
    const known = this.#entries.get(blockId);
    if (known !== undefined) this.#entries.delete(blockId);
    const extents = known ?? load();
    this.#entries.set(blockId, extents);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#entriesMax) break;
      this.#entries.delete(oldest);
    }
    return extents;
  }

  forget(blockId: number): void {
    this.#entries.delete(blockId);
  }
}
