import { MemoryLevel } from 'memory-level';
import { silentLog } from '../../../common/log.ts';
import type { Clock, Timer } from '../../../common/seams/clock.ts';
import { sleepOn } from '../../../common/seams/clock.ts';
import type { Disk, LevelStore, Store } from '../../../common/seams/disk.ts';
import { QuarryError } from '../../../common/quarry-error.ts';
import type { Random } from '../../../common/seams/random.ts';
import type { RpcServer } from '../../../common/seams/rpc.ts';
import type { Seams } from '../../../common/seams/seams.ts';

/** Time that moves only when told. */
export class FakeClock implements Clock {
  #nowMs = 0;
  #next = 0;
  readonly #timers = new Map<number, { atMs: number; run: () => void }>();

  nowMs = (): number => 1_700_000_000_000 + this.#nowMs;
  monoMs = (): number => this.#nowMs;

  setTimer(delayMs: number, run: () => void): Timer {
    const id = this.#next++;
    this.#timers.set(id, { atMs: this.#nowMs + delayMs, run });
    return { cancel: () => this.#timers.delete(id) };
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return sleepOn(this, delayMs, signal);
  }

  forget(): void {
    this.#timers.clear();
  }

  async advance(byMs: number): Promise<void> {
    const endMs = this.#nowMs + byMs;
    for (;;) {
      const due = [...this.#timers]
        .filter(([, timer]) => timer.atMs <= endMs)
        .sort(([a, x], [b, y]) => x.atMs - y.atMs || a - b)[0];
      if (due === undefined) break;
      this.#timers.delete(due[0]);
      this.#nowMs = due[1].atMs;
      due[1].run();
      await settled();
    }
    this.#nowMs = endMs;
    await settled();
  }
}

/** Lets everything that waits for a turn of the event loop have it. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 8; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** A linear congruential generator: the same in every run. */
export class FakeRandom implements Random {
  #state: number;

  constructor(seed = 1) {
    this.#state = seed;
  }

  int(bound: number): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#state % bound;
  }

  bytes(count: number): Buffer {
    return Buffer.from(Array.from({ length: count }, () => this.int(256)));
  }
}

/** A directory in memory. What was written stays when the process that wrote it is forgotten without a close. */
export class FakeDisk implements Disk {
  readonly files = new Map<string, Buffer>();
  readonly stores = new Map<string, MemoryLevel<Buffer, Buffer>>();

  async openStore(name: string, options: { createIfMissing: boolean }): Promise<Store> {
    const before = this.stores.get(name);
    if (before === undefined && !options.createIfMissing)
      throw new QuarryError('NOT_FORMATTED', `no ${name}`);
    const db = new MemoryLevel<Buffer, Buffer>({ keyEncoding: 'buffer', valueEncoding: 'buffer' });
    await db.open();
    if (before !== undefined) {
      if (before.status !== 'open') await before.open();
      for await (const [key, value] of before.iterator()) await db.put(key, value);
    }
    this.stores.set(name, db);
    return { db: db as unknown as LevelStore, syncLogs: () => Promise.resolve(), close: () => db.close() };
  }

  destroyStore = async (name: string): Promise<void> => {
    this.stores.delete(name);
  };
  listStores = async (): Promise<string[]> => [...this.stores.keys()];
  readFile = async (name: string): Promise<Buffer | undefined> => this.files.get(name);
  writeFileDurably = async (name: string, content: Buffer): Promise<void> => {
    this.files.set(name, content);
  };
  space = async () => ({ capacityBytes: 1e12, freeBytes: 1e12 });
}

const server: RpcServer = {
  handle: () => undefined,
  handleStream: () => undefined,
  listen: (address) => Promise.resolve(address),
  close: () => Promise.resolve(),
};

export function fakeSeams(parts: { clock?: FakeClock; disk?: Disk; random?: Random } = {}): Seams {
  return {
    clock: parts.clock ?? new FakeClock(),
    random: parts.random ?? new FakeRandom(),
    disk: parts.disk ?? new FakeDisk(),
    net: undefined as never,
    rpc: { client: undefined as never, createServer: () => server },
    proc: {
      pid: 1,
      abort: (reason, cause) => {
        throw new Error(`aborted: ${reason}`, { cause });
      },
    },
    log: silentLog(),
  };
}
