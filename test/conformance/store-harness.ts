import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BYTES_PER_CHECKSUM, crc32c } from '../../common/checksum.ts';
import { silentLog } from '../../common/log.ts';
import { type Clock, SystemClock } from '../../common/seams/clock.ts';
import type { Disk } from '../../common/seams/disk.ts';
import { SystemDisk } from '../../common/seams/system-disk.ts';
import type { BlockStore, Chunk } from '../../datanode/store/block-store.ts';
import { LevelBlockStore, type LevelStoreOptions } from '../../datanode/store/level-block-store.ts';
import { SimDiskFiles } from '../sim/sim-disk.ts';
import { SimRandom } from '../sim/sim-random.ts';

const MiB = 1024 * 1024;

/** A store's directory through the lives of its processes. */
export interface StoreHarness {
  open(options?: Partial<LevelStoreOptions>): Promise<LevelBlockStore>;
  /** The process is killed: what was written is there, nothing was closed. */
  kill(): Promise<void>;
  /** Changes stored chunk values, as a failing disk would. The store must be closed. */
  damage(change: (value: Buffer, key: Buffer) => Buffer | undefined): Promise<void>;
  segments(): Promise<string[]>;
  dispose(): Promise<void>;
}

/** The system's clock that never sleeps for long: background work goes on at once. */
class HastyClock extends SystemClock {
  override sleep(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, 1));
  }
}

abstract class Harness implements StoreHarness {
  #created = false;
  protected store: LevelBlockStore | undefined;
  protected abstract disk(): Disk;
  abstract kill(): Promise<void>;
  abstract dispose(): Promise<void>;

  async open(options: Partial<LevelStoreOptions> = {}): Promise<LevelBlockStore> {
    const clock: Clock = new HastyClock();
    this.store = await LevelBlockStore.open(
      { disk: this.disk(), clock, log: silentLog() },
      {
        segmentBytes: 1024 * MiB,
        writeBufferBytes: 4 * MiB,
        segmentLiveShareMin: 0.5,
        reclaimBytesPerSecond: 0,
        reserveShare: 0,
        create: !this.#created,
        ...options,
      },
    );
    this.#created = true;
    return this.store;
  }

  async damage(change: (value: Buffer, key: Buffer) => Buffer | undefined): Promise<void> {
    for (const name of await this.segments()) {
      const segment = await this.disk().openStore(`segments/${name}`, { createIfMissing: false });
      for (const [key, value] of await segment.db.iterator().all()) {
        const changed = change(value, key);
        if (changed !== undefined) await segment.db.put(key, changed);
      }
      await segment.close();
    }
  }

  segments(): Promise<string[]> {
    return this.disk().listStores('segments');
  }
}

/** LevelDB in a temporary directory. A kill is a copy of the files as they are, opened instead of them. */
export class SystemHarness extends Harness {
  #directory = '';
  #lives = 0;
  readonly #root: string;

  private constructor(root: string) {
    super();
    this.#root = root;
    this.#directory = join(root, '0');
  }

  static async make(): Promise<SystemHarness> {
    return new SystemHarness(await mkdtemp(join(tmpdir(), 'quarry-store-')));
  }

  get directory(): string {
    return this.#directory;
  }

  protected override disk(): Disk {
    return new SystemDisk(this.#directory);
  }

  override async kill(): Promise<void> {
    const next = join(this.#root, String(++this.#lives));
    await copyDirectory(this.#directory, next);
    await this.store?.close();
    this.#directory = next;
  }

  override async dispose(): Promise<void> {
    await this.store?.close();
    await rm(this.#root, { recursive: true, force: true });
  }
}

/** LevelDB renames and removes files at any time: a copy that met one that had gone begins again. */
async function copyDirectory(from: string, to: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await cp(from, to, { recursive: true, filter: (path) => !path.endsWith('/LOCK') });
      return;
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT' || tries === 20) throw thrown;
      await rm(to, { recursive: true, force: true });
    }
  }
}

/** The simulator's disk. */
export class MemoryHarness extends Harness {
  readonly #files = new SimDiskFiles();
  #life = { alive: true };

  static make(): Promise<MemoryHarness> {
    return Promise.resolve(new MemoryHarness());
  }

  protected override disk(): Disk {
    const life = this.#life;
    return this.#files.mount(() => life.alive);
  }

  override kill(): Promise<void> {
    // Every write of a killed process is in the page cache, as after a power cut that lost nothing.
    return this.#end({ int: (bound: number) => bound - 1 } as SimRandom);
  }

  /** Un-synced writes may be lost, in each log file from a point of its own on. */
  powerCut(seed: number): Promise<void> {
    return this.#end(new SimRandom(seed));
  }

  override async dispose(): Promise<void> {
    this.#life.alive = false;
  }

  async #end(random: SimRandom): Promise<void> {
    this.#life.alive = false;
    this.#life = { alive: true };
    this.#files.crash(random);
  }
}

/** Bytes that say where they belong, so that a wrong one is seen. */
export function bytesOf(blockId: number, offsetBytes: number, lengthBytes: number): Buffer {
  const bytes = Buffer.allocUnsafe(lengthBytes);
  for (let i = 0; i < lengthBytes; i++) {
    const mixed = Math.imul(offsetBytes + i + blockId * 1_000_003, 0x9e3779b1);
    bytes[i] = mixed ^ (mixed >>> 15);
  }
  return bytes;
}

export function chunkOf(offsetBytes: number, data: Buffer): Chunk {
  const checksums = Buffer.alloc(Math.ceil(data.length / BYTES_PER_CHECKSUM) * 4);
  for (let at = 0; at < data.length; at += BYTES_PER_CHECKSUM) {
    const run = data.subarray(at, at + BYTES_PER_CHECKSUM);
    checksums.writeUInt32BE(crc32c(run), (at / BYTES_PER_CHECKSUM) * 4);
  }
  return { offsetBytes, data, checksums };
}

export async function writeBytes(
  store: BlockStore,
  block: { readonly blockId: number; readonly stamp: number },
  range: { readonly fromBytes: number; readonly toBytes: number; readonly chunkBytes?: number },
): Promise<void> {
  const { fromBytes, toBytes, chunkBytes = 64 * 1024 } = range;
  const appends: Promise<void>[] = [];
  for (let at = fromBytes; at < toBytes; at += chunkBytes) {
    const data = bytesOf(block.blockId, at, Math.min(chunkBytes, toBytes - at));
    appends.push(store.append(block.blockId, block.stamp, chunkOf(at, data)));
  }
  await Promise.all(appends);
}

export async function writeBlock(store: BlockStore, blockId: number, lengthBytes: number, stamp = 1) {
  await store.create(blockId, stamp, 'RBW');
  await writeBytes(store, { blockId, stamp }, { fromBytes: 0, toBytes: lengthBytes });
  return store.finalize(blockId, stamp, lengthBytes);
}

/** Reads and compares checksums and order; answers where the bytes begin and the bytes. */
export async function readBytes(
  store: BlockStore,
  blockId: number,
  offsetBytes: number,
  lengthBytes: number,
): Promise<{ offsetBytes: number; data: Buffer }> {
  const parts: Buffer[] = [];
  let start: number | undefined;
  let next: number | undefined;
  for await (const chunk of store.read(blockId, offsetBytes, lengthBytes)) {
    start ??= chunk.offsetBytes;
    if (next !== undefined && next !== chunk.offsetBytes) throw new Error(`gap at ${next}`);
    if (!chunk.checksums.equals(chunkOf(0, chunk.data).checksums)) throw new Error('wrong checksums');
    next = chunk.offsetBytes + chunk.data.length;
    parts.push(chunk.data);
  }
  return { offsetBytes: start ?? offsetBytes, data: Buffer.concat(parts) };
}
