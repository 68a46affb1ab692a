import { assert } from '../../common/assert.ts';
import type { LevelStore } from '../../common/seams/disk.ts';
import { decodeValue, type Table } from './codec.ts';
import { keyBytes } from './keys.ts';
import { RecordCache } from './record-cache.ts';
import type { Edit, Edits, Reader } from './transaction.ts';

type Snapshot = ReturnType<LevelStore['snapshot']>;

/** A read of the committed state that outlives the current turn; must be released. */
export interface CommittedSnapshot {
  entries(
    range: { gte?: Buffer; gt?: Buffer; lt: Buffer },
    limit: number,
  ): Promise<(readonly [key: Buffer, value: Buffer])[]>;
  get<R>(table: Table<R>, key: string): R | undefined;
  release(): Promise<void>;
}

/**
 * A snapshot and those who read from it. Closing an abstract-level snapshot refuses every later read through it, also of those
 * who hold a reference, so it is closed only when it is no longer the newest and its last reader has left.
 */
class SharedSnapshot {
  readonly snapshot: Snapshot;
  #readers = 0;
  #retired = false;

  constructor(snapshot: Snapshot) {
    this.snapshot = snapshot;
  }

  join(): void {
    this.#readers++;
  }

  async leave(): Promise<void> {
    this.#readers--;
    if (this.#retired && this.#readers === 0) await this.snapshot.close();
  }

  async retire(): Promise<void> {
    this.#retired = true;
    if (this.#readers === 0) await this.snapshot.close();
  }
}

/**
 * The namespace in its two states. `pending` is what mutators read: the committed state under the batch in flight under the
 * batch that collects. `committed` is what readers see: a LevelDB snapshot taken when the last batch became durable, so no
 * answer ever shows what a power cut could take back.
 *
 * Invariant: a key outside both overlays has the same value in the database and in the snapshot, so that both views share
 * one cache of committed records.
 */
export class NamespaceView {
  readonly pending: Reader = { get: (table, key) => this.#getPending(table, key) };
  readonly committed: Reader = { get: (table, key) => this.#getCommitted(table, key) };
  readonly #db: LevelStore;
  readonly #cache: RecordCache;
  #collecting = new Map<string, Edit>();
  #inFlight: Map<string, Edit> | undefined;
  #newest: SharedSnapshot;

  constructor(db: LevelStore, cacheEntriesMax: number) {
    this.#db = db;
    this.#cache = new RecordCache(cacheEntriesMax);
    this.#newest = new SharedSnapshot(db.snapshot());
  }

  merge(edits: Edits): void {
    for (const [key, edit] of edits) this.#collecting.set(key, edit);
  }

  get collectingSize(): number {
    return this.#collecting.size;
  }

  /** What has been collected becomes the batch in flight. */
  seal(): Edits {
    assert(this.#inFlight === undefined, 'one batch is in flight at most');
    this.#inFlight = this.#collecting;
    this.#collecting = new Map();
    return this.#inFlight;
  }

  /** The batch in flight is durable: readers see it from now on. */
  settle(): void {
    assert(this.#inFlight !== undefined, 'a batch was in flight');
    for (const [key, edit] of this.#inFlight) this.#cache.update(key, edit.record);
    this.#inFlight = undefined;
    const old = this.#newest;
    this.#newest = new SharedSnapshot(this.#db.snapshot());
    void old.retire();
  }

  snapshot(): CommittedSnapshot {
    assert(this.#db.status === 'open', 'the database is open');
    const shared = this.#newest;
    const { snapshot } = shared;
    shared.join();
    const db = this.#db;
    return {
      async entries(range, limit) {
        // Not one nextv(): LevelDB's binding ends a page at 16 KiB, and a short page would read as the end of the range.
        return db.iterator({ ...range, limit, snapshot }).all();
      },
      get: (table, key) => {
        const bytes = keyBytes(key);
        const value = db.getSync(bytes, { snapshot });
        return value === undefined ? undefined : decodeValue(table, bytes, value);
      },
      release: () => shared.leave(),
    };
  }

  async close(): Promise<void> {
    await this.#newest.retire();
  }

  #getPending<R>(table: Table<R>, key: string): R | undefined {
    const edit = this.#collecting.get(key) ?? this.#inFlight?.get(key);
    if (edit !== undefined) return edit.record as R | undefined;
    return this.#read(table, key, undefined);
  }

  #getCommitted<R>(table: Table<R>, key: string): R | undefined {
    return this.#read(table, key, this.#inFlight?.has(key) ? this.#newest.snapshot : undefined);
  }

  #read<R>(table: Table<R>, key: string, snapshot: Snapshot | undefined): R | undefined {
    const cached = this.#cache.get(key);
    if (cached !== undefined) return cached as R;
    const bytes = keyBytes(key);
    const value = snapshot === undefined ? this.#db.getSync(bytes) : this.#db.getSync(bytes, { snapshot });
    if (value === undefined) return undefined;
    const record = decodeValue(table, bytes, value);
    this.#cache.add(key, record);
    return record;
  }
}
