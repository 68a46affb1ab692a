import type { AbstractLevel } from 'abstract-level';

/** A LevelDB as seen through its common type; keys and values are Buffers. `getSync` is available once open. */
export type LevelStore = AbstractLevel<string | Buffer | Uint8Array, Buffer, Buffer>;

export interface StoreOptions {
  /** False everywhere but in format: a lost CURRENT file must be an error, not an empty database. */
  readonly createIfMissing: boolean;
  readonly writeBufferBytes?: number;
  readonly maxFileBytes?: number;
  readonly cacheBytes?: number;
}

export interface Store {
  readonly db: LevelStore;
  /**
   * Makes every earlier un-synced put durable: fdatasync of each *.log in the directory. A synced put alone does not,
   * because LevelDB drops a rotated log without syncing it (research: storage, fact 4).
   */
  syncLogs(): Promise<void>;
  close(): Promise<void>;
}

export interface DiskSpace {
  readonly capacityBytes: number;
  readonly freeBytes: number;
}

/** One node's directory. Names are relative to it. */
export interface Disk {
  /** Errors: STORAGE_IN_USE (another process holds the lock), NOT_FORMATTED (missing and not created), DISK_FAILED. */
  openStore(name: string, options: StoreOptions): Promise<Store>;
  destroyStore(name: string): Promise<void>;
  /** Names of the sub-directories of `name` ('' for the node's directory itself). Empty when it does not exist. */
  listStores(name: string): Promise<string[]>;
  /** Undefined when the file does not exist. */
  readFile(name: string): Promise<Buffer | undefined>;
  /** Write to a temporary name, fsync, rename, fsync the directory. */
  writeFileDurably(name: string, content: Buffer): Promise<void>;
  space(): Promise<DiskSpace>;
}
