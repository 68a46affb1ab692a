import { MemoryLevel } from 'memory-level';
import { beforeEach, describe, expect, it } from 'vitest';
import type { LevelStore } from '../../../../common/seams/disk.ts';
import { ViewStore } from '../../../../services/views/view-store.ts';

let nowMs = 0;
let db: LevelStore;
let store: ViewStore;

beforeEach(() => {
  nowMs = 1_000_000;
  db = new MemoryLevel<Buffer, Buffer>({
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    storeEncoding: 'buffer',
  }) as unknown as LevelStore;
  const clock = { nowMs: () => nowMs } as never;
  store = new ViewStore(db, clock);
});

const commit = (batchId: number, keys: readonly string[], ttlSeconds: number, view = 'v') =>
  store.commit({
    view,
    epoch: 1,
    batchId,
    ttlSeconds,
    entries: keys.flatMap((key) => [
      { key, field: `f${batchId}`, value: batchId },
      { key, field: 'last', value: batchId },
    ]),
  });
const keyCount = async () => (await db.keys().all()).length;

describe('views in LevelDB', () => {
  it('forgets keys in time, with everything of them', async () => {
    await commit(0, ['a', 'b'], 10);
    await commit(1, ['b'], 20);
    nowMs += 10_000;
    expect(await store.keys('v', '', 'z')).toEqual(['b']);
    expect(await store.read('v', ['a', 'b'])).toEqual(
      new Map([
        [
          'b',
          new Map([
            ['f0', '0'],
            ['f1', '1'],
            ['last', '1'],
          ]),
        ],
      ]),
    );
    await commit(2, [], 10);
    // b: its key, its time and three values; the marker.
    expect(await keyCount()).toBe(6);
    nowMs += 20_000;
    await commit(3, ['b'], 0);
    expect(await store.read('v', ['b'])).toEqual(
      new Map([
        [
          'b',
          new Map([
            ['f3', '3'],
            ['last', '3'],
          ]),
        ],
      ]),
    );
    expect(await keyCount()).toBe(4);
  });

  it('reads many keys as it reads each, near to each other and far', async () => {
    const minutes = Array.from({ length: 300 }, (_, i) => `10:${String(i).padStart(3, '0')}`);
    await commit(0, [...minutes, '분', '분초', 'z'], 0);
    await commit(1, minutes.slice(50, 60), 10);
    await commit(0, minutes, 0, 'v2');
    nowMs += 10_000;
    const far = minutes.filter((_, i) => i % 70 === 0);
    for (const keys of [
      minutes,
      minutes.toReversed(),
      far,
      ['분초', 'none', '분', 'z', '10:055', '10:061'],
    ]) {
      const each = new Map<string, Map<string, string>>();
      for (const key of keys)
        for (const [name, fields] of await store.read('v', [key])) each.set(name, fields);
      expect(await store.read('v', keys)).toEqual(each);
      expect(each.size).toBeGreaterThan(0);
    }
    expect((await store.read('v', minutes)).size).toBe(290);
  });

  it('keeps a key whose time was prolonged or lifted', async () => {
    await commit(0, ['a', 'b'], 10);
    nowMs += 5_000;
    await commit(1, ['a'], 0);
    await commit(2, ['b'], 10);
    nowMs += 5_000;
    await commit(3, [], 10);
    expect(await store.keys('v', '', 'z')).toEqual(['a', 'b']);
    nowMs += 5_000;
    expect(await store.keys('v', '', 'z')).toEqual(['a']);
  });

  it('drops all of a view and nothing of one whose name starts alike', async () => {
    await commit(0, ['a', 'b'], 10, 'v');
    await commit(0, ['a'], 10, 'v2');
    const before = await keyCount();
    await store.drop('v');
    expect(await keyCount()).toBe(before - 9);
    expect(await store.keys('v2', '', 'z')).toEqual(['a']);
    expect(await store.marker('v')).toBeUndefined();
  });

  it('goes on after a commit that failed', async () => {
    await expect(commit(0, ['a\0b'], 0)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(await store.marker('v')).toBeUndefined();
    expect(await commit(0, ['a'], 0)).toEqual({ kind: 'written' });
  });

  it('answers no keys for an empty range', async () => {
    await commit(0, ['a', 'b'], 0);
    expect(await store.keys('v', 'b', 'a')).toEqual([]);
    expect(await store.keys('v', 'a', 'a')).toEqual([]);
  });
});
