import { createHash } from 'node:crypto';
import { mkdir, open, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { QuarryError } from '../../common/quarry-error.ts';
import { type ByteRange, mergeRanges, subtractRanges, totalBytes } from '../../common/parquet/byte-ranges.ts';
import { footerTail, type ParquetFooter } from '../../common/parquet/parquet-footer.ts';

/** Reading two chunks at once costs less than a second call when that little lies between them. */
const GAP_BYTES = 64 * 1024;
const FETCHES_AT_ONCE = 4;

/** One content of one file: a changed file has another generation or length. */
export interface FileVersion {
  readonly path: string;
  readonly inodeId: number;
  readonly generation: number;
  readonly lengthBytes: number;
}

/** Bytes of files, checked against their checksums. */
export interface RangeSource {
  /** Calls `take` with every piece of the range in order, and with the host label that served it. */
  read(
    file: FileVersion,
    range: ByteRange,
    signal: AbortSignal,
    take: (data: Buffer, node: string) => Promise<void>,
  ): Promise<void>;
}

export interface CacheOptions {
  /** On tmpfs where there is enough of it. */
  readonly directory: string;
  /** On disk, for what a single task needs beyond the capacity. */
  readonly overflowDirectory: string;
  readonly capacityBytes: number;
  readonly source: RangeSource;
}

/** Where the bytes of a call came from, by host label; `cachedBytes` of them were there already. */
export interface FillReport {
  readonly bytesByNode: ReadonlyMap<string, number>;
  readonly cachedBytes: number;
}

/**
 * Sparse copies of Parquet files for the kernel, at the original offsets, one for each set of row groups that is read
 * together. A range counts as present only after its `pwrite` returned; what is not declared stays a hole that must not
 * be read. A file that is pinned is never unlinked.
 */
export class BlockCache {
  readonly #options: CacheOptions;
  /** In the order of their last use. */
  readonly #entries = new Map<string, CacheEntry>();
  #sequence = 0;

  constructor(options: CacheOptions) {
    this.#options = options;
  }

  /** Empties both directories: what an earlier process left says nothing about what of it is complete. */
  async open(): Promise<void> {
    for (const directory of [this.#options.directory, this.#options.overflowDirectory]) {
      await rm(directory, { recursive: true, force: true });
      await mkdir(directory, { recursive: true });
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#entries.values()].map((entry) => entry.remove()));
    this.#entries.clear();
    await rm(this.#options.directory, { recursive: true, force: true });
  }

  get usedBytes(): number {
    let used = 0;
    for (const entry of this.#entries.values()) if (!entry.overflow) used += entry.presentBytes;
    return used;
  }

  /**
   * The local copy with at least `ranges`, pinned until `unpin`. Errors: what the source fails with, NO_SPACE.
   */
  async acquire(
    file: FileVersion,
    footer: ParquetFooter,
    want: { readonly rowGroups: readonly number[] | undefined; readonly ranges: readonly ByteRange[] },
    signal: AbortSignal,
  ): Promise<{ readonly path: string; readonly report: FillReport; readonly unpin: () => void }> {
    const key = entryKey(file, want.rowGroups);
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      const tail = footerTail(footer, want.rowGroups);
      const overflow = !this.#makeRoom(totalBytes(mergeRanges(want.ranges)));
      const directory = overflow ? this.#options.overflowDirectory : this.#options.directory;
      // An evicted file of the same key may still be on its way out.
      const name = `${++this.#sequence}-${key}`;
      entry = new CacheEntry(join(directory, name), overflow, { startBytes: footer.startBytes, tail });
    } else {
      this.#entries.delete(key);
    }
    this.#entries.set(key, entry);
    entry.pins++;
    const pinned = entry;
    try {
      const report = await pinned.fill(file, want.ranges, this.#options.source, signal);
      if (!pinned.overflow) this.#makeRoom(0);
      return { path: pinned.path, report, unpin: once(() => this.#unpin(key, pinned)) };
    } catch (thrown) {
      this.#unpin(key, pinned);
      throw noSpace(thrown);
    }
  }

  #unpin(key: string, entry: CacheEntry): void {
    entry.pins--;
    if (entry.pins === 0 && entry.overflow) {
      this.#entries.delete(key);
      void entry.remove();
    }
  }

  /** Unlinks what has been unused for longest until `bytes` more fit. False when pinned files alone leave too little. */
  #makeRoom(bytes: number): boolean {
    let used = this.usedBytes;
    for (const [key, entry] of this.#entries) {
      if (used + bytes <= this.#options.capacityBytes) return true;
      if (entry.pins > 0 || entry.overflow) continue;
      used -= entry.presentBytes;
      this.#entries.delete(key);
      void entry.remove();
    }
    return used + bytes <= this.#options.capacityBytes;
  }
}

interface Held extends ByteRange {
  readonly node: string;
}

class CacheEntry {
  readonly path: string;
  readonly overflow: boolean;
  pins = 0;
  readonly #tail: { readonly startBytes: number; readonly tail: Buffer };
  #file: Promise<FileHandle> | undefined;
  /** Disjoint, sorted. */
  #held: Held[] = [];
  readonly #inFlight = new Set<{ readonly range: ByteRange; readonly done: Promise<void> }>();

  constructor(path: string, overflow: boolean, tail: { startBytes: number; tail: Buffer }) {
    this.path = path;
    this.overflow = overflow;
    this.#tail = tail;
  }

  get presentBytes(): number {
    return totalBytes(this.#held) + this.#tail.tail.length;
  }

  async fill(
    file: FileVersion,
    ranges: readonly ByteRange[],
    source: RangeSource,
    signal: AbortSignal,
  ): Promise<FillReport> {
    const wanted = mergeRanges(ranges);
    const cachedBytes = totalBytes(wanted) - totalBytes(subtractRanges(wanted, this.#held));
    const handle = await this.#opened();
    for (;;) {
      const missing = subtractRanges(wanted, this.#held);
      if (missing.length === 0) break;
      if (signal.aborted) throw new QuarryError('INTERRUPTED', 'the task was cancelled');
      const flying = [...this.#inFlight];
      const unclaimed = subtractRanges(missing, mergeRanges(flying.map(({ range }) => range)));
      if (unclaimed.length === 0) {
        // Another task fetches what is left. If it fails, this one tries itself.
        await Promise.allSettled(flying.map(({ done }) => done));
        continue;
      }
      // What lies in a gap is fetched as well, unless it is held already: bytes that were declared are never rewritten.
      const bridged = subtractRanges(
        mergeRanges(unclaimed, GAP_BYTES),
        mergeRanges([...this.#held, ...flying.map(({ range }) => range)]),
      );
      await this.#fetchAll(mergeRanges(bridged), (range) =>
        this.#fetch(file, range, { handle, source, signal }),
      );
    }
    return { bytesByNode: this.#sources(wanted), cachedBytes };
  }

  async #fetchAll(ranges: readonly ByteRange[], fetch: (range: ByteRange) => Promise<void>): Promise<void> {
    // Claimed all at once: a range that waits for its turn must not be fetched by another task meanwhile.
    const queue = ranges.map((range) => {
      let settle: { resolve: () => void; reject: (thrown: unknown) => void } | undefined;
      const done = new Promise<void>((resolve, reject) => (settle = { resolve, reject }));
      done.catch(() => undefined);
      const flight = { range, done };
      this.#inFlight.add(flight);
      return { flight, settle: settle! };
    });
    let next = 0;
    let failure: { thrown: unknown } | undefined;
    const worker = async () => {
      while (next < queue.length) {
        const { flight, settle } = queue[next++]!;
        try {
          if (failure !== undefined) throw failure.thrown;
          await fetch(flight.range);
          settle.resolve();
        } catch (thrown) {
          failure ??= { thrown };
          settle.reject(thrown);
        } finally {
          this.#inFlight.delete(flight);
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(FETCHES_AT_ONCE, queue.length) }, worker));
    if (failure !== undefined) throw failure.thrown;
  }

  async #fetch(
    file: FileVersion,
    range: ByteRange,
    to: { readonly handle: FileHandle; readonly source: RangeSource; readonly signal: AbortSignal },
  ): Promise<void> {
    let at = range.startBytes;
    const held: Held[] = [];
    await to.source.read(file, range, to.signal, async (data, node) => {
      await to.handle.write(data, 0, data.length, at);
      held.push({ startBytes: at, endBytes: at + data.length, node });
      at += data.length;
    });
    if (at !== range.endBytes) {
      throw new QuarryError(
        'BAD_DATA',
        `${file.path} ended at byte ${at}, before ${range.endBytes}: read it again`,
        {
          details: { path: file.path },
        },
      );
    }
    this.#hold(held);
  }

  #hold(fresh: readonly Held[]): void {
    const all = [...this.#held, ...fresh].toSorted((a, b) => a.startBytes - b.startBytes);
    this.#held = [];
    for (const range of all) {
      const last = this.#held.at(-1);
      if (last !== undefined && last.endBytes === range.startBytes && last.node === range.node) {
        this.#held[this.#held.length - 1] = { ...last, endBytes: range.endBytes };
      } else this.#held.push(range);
    }
  }

  #sources(wanted: readonly ByteRange[]): Map<string, number> {
    const bytes = new Map<string, number>();
    for (const held of this.#held) {
      for (const range of wanted) {
        const overlap = Math.min(held.endBytes, range.endBytes) - Math.max(held.startBytes, range.startBytes);
        if (overlap > 0) bytes.set(held.node, (bytes.get(held.node) ?? 0) + overlap);
      }
    }
    return bytes;
  }

  #opened(): Promise<FileHandle> {
    this.#file ??= this.#create();
    return this.#file;
  }

  async #create(): Promise<FileHandle> {
    const handle = await open(this.path, 'w+');
    await handle.write(Buffer.from('PAR1'), 0, 4, 0);
    await handle.write(this.#tail.tail, 0, this.#tail.tail.length, this.#tail.startBytes);
    return handle;
  }

  async remove(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    if (file === undefined) return;
    const handle = await file.catch(() => undefined);
    await rm(this.path, { force: true });
    await handle?.close();
  }
}

function entryKey(file: FileVersion, rowGroups: readonly number[] | undefined): string {
  const name =
    file.inodeId > 0
      ? String(file.inodeId)
      : createHash('sha256').update(file.path).digest('hex').slice(0, 24);
  const version = `${name}-${file.generation}-${file.lengthBytes}`;
  if (rowGroups === undefined) return `${version}.parquet`;
  const groups = rowGroups.join('.');
  const suffix =
    groups.length <= 60 ? groups : createHash('sha256').update(groups).digest('hex').slice(0, 32);
  return `${version}-g${suffix}.parquet`;
}

function once(run: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    run();
  };
}

function noSpace(thrown: unknown): unknown {
  if ((thrown as NodeJS.ErrnoException).code !== 'ENOSPC') return thrown;
  return new QuarryError(
    'NO_SPACE',
    'the executor has no room for the bytes of a task: free its directory or lower executor.cacheBytes',
    {
      cause: thrown,
    },
  );
}
