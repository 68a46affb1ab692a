/** The holder of a file whose writer has gone: nobody else may write until the last block is recovered. */
export const RECOVERY_HOLDER = 'quarry:recovery';

/**
 * One writer per file. A lease is the holder's, not the file's: a renewal keeps all its files. Ages are on the monotonic
 * clock, and start anew when the namenode starts.
 */
export class LeaseTable {
  readonly #holders = new Map<number, string>();
  readonly #files = new Map<string, Set<number>>();
  readonly #renewedMs = new Map<string, number>();

  holderOf(inodeId: number): string | undefined {
    return this.#holders.get(inodeId);
  }

  get openFiles(): number {
    return this.#holders.size;
  }

  grant(inodeId: number, holder: string, monoMs: number): void {
    this.release(inodeId);
    this.#holders.set(inodeId, holder);
    let files = this.#files.get(holder);
    if (files === undefined) {
      files = new Set();
      this.#files.set(holder, files);
    }
    files.add(inodeId);
    this.#renewedMs.set(holder, monoMs);
  }

  release(inodeId: number): void {
    const holder = this.#holders.get(inodeId);
    if (holder === undefined) return;
    this.#holders.delete(inodeId);
    const files = this.#files.get(holder);
    files?.delete(inodeId);
    if (files?.size === 0) {
      this.#files.delete(holder);
      this.#renewedMs.delete(holder);
    }
  }

  /** False when the holder has no open file. */
  renew(holder: string, monoMs: number): boolean {
    if (!this.#files.has(holder)) return false;
    this.#renewedMs.set(holder, monoMs);
    return true;
  }

  ageMs(inodeId: number, monoMs: number): number {
    const holder = this.#holders.get(inodeId);
    return holder === undefined ? Number.POSITIVE_INFINITY : monoMs - (this.#renewedMs.get(holder) ?? monoMs);
  }

  filesOf(holder: string): readonly number[] {
    return [...(this.#files.get(holder) ?? [])];
  }

  /** Files whose holder has not renewed for `limitMs`; those under recovery are not among them. */
  expired(limitMs: number, monoMs: number): readonly number[] {
    return [...this.#renewedMs]
      .filter(([holder, renewedMs]) => holder !== RECOVERY_HOLDER && monoMs - renewedMs >= limitMs)
      .flatMap(([holder]) => this.filesOf(holder));
  }
}
