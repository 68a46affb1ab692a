import { describe, expect, it } from 'vitest';
import { silentLog } from '../../../../common/log.ts';
import { SystemClock } from '../../../../common/seams/clock.ts';
import type { Disk, LevelStore } from '../../../../common/seams/disk.ts';
import { LevelBlockStore } from '../../../../datanode/store/level-block-store.ts';
import { bytesOf, chunkOf, readBytes, writeBlock, writeBytes } from '../../../conformance/store-harness.ts';
import { SimDiskFiles } from '../../../sim/sim-disk.ts';

const GiB = 2 ** 30;

class FakeClock extends SystemClock {
  nowMonoMs = 0;
  override monoMs(): number {
    return this.nowMonoMs;
  }
}

/** A disk that fails writes like LevelDB does: once one has failed, all do, until the database is opened again. */
class FailingDisk {
  failure: string | undefined;
  freeBytes = 100 * GiB;
  readonly disk: Disk;

  constructor() {
    const inner = new SimDiskFiles().mount(() => true);
    this.disk = {
      ...inner,
      openStore: async (name, options) => {
        const store = await inner.openStore(name, options);
        let sticky: string | undefined;
        const db = new Proxy(store.db, {
          get: (target, property) => {
            if (property === 'batch') {
              sticky ??= this.failure;
              if (sticky !== undefined) return () => Promise.reject(new Error(`IO error: ${sticky}`));
            }
            const value: unknown = Reflect.get(target, property, target);
            return typeof value === 'function' ? (value.bind(target) as unknown) : value;
          },
        }) as LevelStore;
        return { ...store, db };
      },
      space: () => Promise.resolve({ capacityBytes: 100 * GiB, freeBytes: this.freeBytes }),
    };
  }
}

async function setUp() {
  const failing = new FailingDisk();
  const clock = new FakeClock();
  const store = await LevelBlockStore.open(
    { disk: failing.disk, clock, log: silentLog() },
    {
      segmentBytes: GiB,
      writeBufferBytes: 1024,
      segmentLiveShareMin: 0.5,
      reclaimBytesPerSecond: 0,
      reserveShare: 0.05,
      create: true,
    },
  );
  return { failing, clock, store };
}

describe('a full disk', () => {
  it('stops writes, not reads, and is written to again once there is space, with nothing lost', async () => {
    const { failing, clock, store } = await setUp();
    await writeBlock(store, 1, 200_000);
    await store.create(2, 1, 'RBW');
    await writeBytes(store, { blockId: 2, stamp: 1 }, { fromBytes: 0, toBytes: 65_536 });
    failing.failure = 'No space left on device';
    failing.freeBytes = 0;
    const append = () => store.append(2, 1, chunkOf(65_536, bytesOf(2, 65_536, 1000)));
    await expect(append()).rejects.toMatchObject({ code: 'NO_SPACE' });
    expect(store.failure).toMatchObject({ code: 'NO_SPACE' });
    await expect(store.create(3, 1, 'RBW')).rejects.toMatchObject({ code: 'NO_SPACE' });
    expect((await readBytes(store, 1, 0, 200_000)).data.equals(bytesOf(1, 0, 200_000))).toBe(true);
    failing.failure = undefined;
    clock.nowMonoMs += 5_000;
    await expect(append()).rejects.toMatchObject({ code: 'NO_SPACE' });
    failing.freeBytes = 50 * GiB;
    clock.nowMonoMs += 5_000;
    await append();
    expect(store.failure).toBeUndefined();
    await store.finalize(2, 1, 66_536);
    expect((await readBytes(store, 2, 0, 66_536)).data.equals(bytesOf(2, 0, 66_536))).toBe(true);
  });

  it('takes no new block before it is full', async () => {
    const { failing, clock, store } = await setUp();
    await store.create(1, 1, 'RBW');
    failing.freeBytes = 4 * GiB;
    clock.nowMonoMs += 5_000;
    await expect(store.create(2, 1, 'RBW')).rejects.toMatchObject({
      code: 'NO_SPACE',
      message: expect.stringContaining('5 %'),
    });
    await store.append(1, 1, chunkOf(0, bytesOf(1, 0, 1000)));
    await store.finalize(1, 1, 1000);
    expect(store.failure).toBeUndefined();
  });
});

describe('a copy whose sender has gone', () => {
  it('gives way to the next try after a while', async () => {
    const { clock, store } = await setUp();
    await store.create(1, 1, 'TEMPORARY');
    await writeBytes(store, { blockId: 1, stamp: 1 }, { fromBytes: 0, toBytes: 1000 });
    clock.nowMonoMs += 30_000;
    await expect(store.create(1, 1, 'TEMPORARY')).rejects.toMatchObject({ code: 'FILE_EXISTS' });
    clock.nowMonoMs += 40_000;
    expect(await store.create(1, 1, 'TEMPORARY')).toMatchObject({ lengthBytes: 0 });
    expect(store.usedBytes).toBe(0);
  });
});

describe('a failing disk', () => {
  it('stays read-only until a restart: what a failed write left is not known', async () => {
    const { failing, clock, store } = await setUp();
    await writeBlock(store, 1, 1000);
    failing.failure = 'Input/output error';
    await expect(store.create(2, 1, 'RBW')).rejects.toMatchObject({ code: 'DISK_FAILED' });
    failing.failure = undefined;
    clock.nowMonoMs += 60_000;
    await expect(store.create(2, 1, 'RBW')).rejects.toMatchObject({ code: 'DISK_FAILED' });
    await expect(store.probe()).rejects.toMatchObject({ code: 'DISK_FAILED' });
    expect((await readBytes(store, 1, 0, 1000)).data.equals(bytesOf(1, 0, 1000))).toBe(true);
  });
});
