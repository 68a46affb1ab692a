import { constants } from 'node:fs';
import { access, mkdir, open, readdir, readFile, rename, rm, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { QuarryError } from '../quarry-error.ts';
import type { Disk, DiskSpace, LevelStore, Store, StoreOptions } from './disk.ts';

/** A directory on a real disk, stores in LevelDB. */
export class SystemDisk implements Disk {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  async openStore(name: string, options: StoreOptions): Promise<Store> {
    const directory = join(this.#root, name);
    if (options.createIfMissing) await mkdir(directory, { recursive: true });
    else {
      await access(join(directory, 'CURRENT'), constants.R_OK).catch((cause: unknown) => {
        throw new QuarryError('NOT_FORMATTED', `there is no database in ${directory}`, { cause });
      });
    }
    // Executors, drivers and clients have no store, and do not load its library.
    const { default: level } = await import('classic-level');
    const db = new level.ClassicLevel<Buffer, Buffer>(directory, {
      keyEncoding: 'buffer',
      valueEncoding: 'buffer',
      createIfMissing: options.createIfMissing,
      // Checksummed, often already compressed values: compressing them again would only cost.
      compression: false,
      ...(options.writeBufferBytes === undefined ? {} : { writeBufferSize: options.writeBufferBytes }),
      ...(options.maxFileBytes === undefined ? {} : { maxFileSize: options.maxFileBytes }),
      ...(options.cacheBytes === undefined ? {} : { cacheSize: options.cacheBytes }),
    });
    try {
      await db.open();
    } catch (thrown) {
      throw openError(directory, thrown);
    }
    return { db: db as unknown as LevelStore, syncLogs: () => syncLogs(directory), close: () => db.close() };
  }

  async destroyStore(name: string): Promise<void> {
    await rm(join(this.#root, name), { recursive: true, force: true });
  }

  async listStores(name: string): Promise<string[]> {
    const entries = await readdir(join(this.#root, name), { withFileTypes: true }).catch(ignoreMissing);
    return (entries ?? []).filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  }

  async readFile(name: string): Promise<Buffer | undefined> {
    return readFile(join(this.#root, name)).catch(ignoreMissing);
  }

  async writeFileDurably(name: string, content: Buffer): Promise<void> {
    const path = join(this.#root, name);
    await mkdir(dirname(path), { recursive: true });
    const file = await open(`${path}.tmp`, 'w');
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(`${path}.tmp`, path);
    await syncFile(dirname(path));
  }

  async space(): Promise<DiskSpace> {
    const stat = await statfs(this.#root);
    return { capacityBytes: stat.blocks * stat.bsize, freeBytes: stat.bavail * stat.bsize };
  }
}

async function syncLogs(directory: string): Promise<void> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.log'));
  // A log that has gone meanwhile was removed only after its table was synced.
  await Promise.all(names.map((name) => syncFile(join(directory, name)).catch(ignoreMissing)));
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.datasync();
  } finally {
    await file.close();
  }
}

function ignoreMissing(thrown: unknown): undefined {
  if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
  throw thrown;
}

function openError(directory: string, thrown: unknown): QuarryError {
  const cause = (thrown as Error).cause as (Error & { code?: string }) | undefined;
  if (cause?.code === 'LEVEL_LOCKED') {
    return new QuarryError('STORAGE_IN_USE', `another process uses ${directory}: stop it first`, {
      cause: thrown,
    });
  }
  return new QuarryError(
    'DISK_FAILED',
    `cannot open the database in ${directory}: ${cause?.message ?? String(thrown)}`,
    {
      cause: thrown,
    },
  );
}
