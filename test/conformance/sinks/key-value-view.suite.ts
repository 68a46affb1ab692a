import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { KeyValueView, ViewBatch, ViewEntry } from '../../../sinks/key-value-view.ts';

export interface ViewHarness {
  readonly view: KeyValueView;
  /** Ends the store without warning and brings it back. */
  restart(): Promise<void>;
  /** Ends it without warning. */
  kill(): Promise<void>;
  start(): Promise<void>;
  dispose(): Promise<void>;
}

/** What every KeyValueView keeps. */
export function describeKeyValueView(name: string, make: () => Promise<ViewHarness>): void {
  describe(`the view in ${name}`, () => {
    let harness: ViewHarness;
    let view: KeyValueView;
    let id = '';
    let count = 0;

    beforeAll(async () => {
      harness = await make();
      view = harness.view;
    });
    afterAll(() => harness?.dispose());
    beforeEach(() => {
      id = `clicks-${count++}`;
    });

    const batch = (
      batchId: number,
      entries: readonly ViewEntry[],
      more: Partial<ViewBatch> = {},
    ): ViewBatch => ({
      view: id,
      epoch: 1,
      batchId,
      entries,
      ttlSeconds: 0,
      ...more,
    });
    const entry = (key: string, field: string, value: number | string): ViewEntry => ({ key, field, value });
    const all = async () => {
      const found = await view.read(id, await view.keys(id, '', '\u{10ffff}'));
      return Object.fromEntries([...found].map(([key, fields]) => [key, Object.fromEntries(fields)]));
    };

    it('answers nothing for a view that was never written', async () => {
      expect(await view.marker(id)).toBeUndefined();
      expect(await view.read(id, ['a'])).toEqual(new Map());
      expect(await view.keys(id, '', 'z')).toEqual([]);
    });

    it('names every view that was written, until it is dropped', async () => {
      const before = await view.views();
      await view.commit(batch(0, [entry('k', 'f', 1)]));
      await view.commit(batch(0, [], { view: `${id}:x y` }));
      expect(await view.views()).toEqual([...before, id, `${id}:x y`].toSorted());
      await view.drop(id);
      await view.drop(`${id}:x y`);
      expect(await view.views()).toEqual(before);
    });

    it('writes batches in order, each value the last one', async () => {
      const outcome = await view.commit(batch(0, [entry('10:01', 'p1', 1), entry('10:01', 'p2', 7)]));
      expect(outcome).toEqual({ kind: 'written' });
      await view.commit(batch(1, [entry('10:01', 'p1', 3), entry('10:02', 'p1', 1)]));
      expect(await view.marker(id)).toEqual({ epoch: 1, batchId: 1 });
      expect(await all()).toEqual({ '10:01': { p1: '3', p2: '7' }, '10:02': { p1: '1' } });
    });

    it('writes a batch without entries: its marker moves', async () => {
      await view.commit(batch(0, []));
      expect(await view.commit(batch(1, []))).toEqual({ kind: 'written' });
      expect(await view.marker(id)).toEqual({ epoch: 1, batchId: 1 });
    });

    it('skips a batch that it has, whoever sends it', async () => {
      await view.commit(batch(0, [entry('a', 'f', 1)]));
      await view.commit(batch(1, [entry('a', 'f', 2)]));
      expect(await view.commit(batch(0, [entry('a', 'f', 1)]))).toEqual({
        kind: 'skipped',
        marker: { epoch: 1, batchId: 1 },
      });
      expect(await view.commit(batch(1, [entry('a', 'f', 9)], { epoch: 2 }))).toEqual({
        kind: 'skipped',
        marker: { epoch: 2, batchId: 1 },
      });
      expect(await all()).toEqual({ a: { f: '2' } });
    });

    it('refuses a writer that was replaced', async () => {
      await view.commit(batch(0, [entry('a', 'f', 1)]));
      await view.commit(batch(1, [entry('a', 'f', 2)], { epoch: 3 }));
      await expect(view.commit(batch(2, [entry('a', 'f', 9)], { epoch: 2 }))).rejects.toMatchObject({
        code: 'FENCED',
      });
      await expect(view.commit(batch(1, [entry('a', 'f', 9)], { epoch: 2 }))).rejects.toMatchObject({
        code: 'FENCED',
      });
      expect(await all()).toEqual({ a: { f: '2' } });
    });

    it('fences the old writer as soon as the new one has had a batch skipped', async () => {
      await view.commit(batch(0, []));
      await view.commit(batch(0, [], { epoch: 2 }));
      await expect(view.commit(batch(1, []))).rejects.toMatchObject({ code: 'FENCED' });
    });

    it('says gap when batches before this one are missing, and writes nothing', async () => {
      expect(await view.commit(batch(3, [entry('a', 'f', 1)]))).toEqual({ kind: 'gap', marker: undefined });
      await view.commit(batch(0, [entry('a', 'f', 5)]));
      expect(await view.commit(batch(2, [entry('a', 'f', 1)]))).toEqual({
        kind: 'gap',
        marker: { epoch: 1, batchId: 0 },
      });
      expect(await all()).toEqual({ a: { f: '5' } });
    });

    it('lists keys of a range in order', async () => {
      const keys = [
        '2026-11-22T10:01:00Z',
        '2026-11-22T10:00:00Z',
        '2026-11-21T23:59:00Z',
        '2026-11-22T10:02:00Z',
      ];
      await view.commit(
        batch(
          0,
          keys.map((key) => entry(key, 'p', 1)),
        ),
      );
      expect(await view.keys(id, '2026-11-22', '2026-11-22T10:02:00Z')).toEqual([
        '2026-11-22T10:00:00Z',
        '2026-11-22T10:01:00Z',
      ]);
      expect(await view.keys(id, '2026-11-23', '2026-11-24')).toEqual([]);
      expect(await view.keys(id, '2026-11-22T10:02:00Z', '2026-11-22T10:02:01Z')).toHaveLength(1);
    });

    it('keeps any text', async () => {
      const entries = [
        entry('a:b {c}', '', ''),
        entry('ключ', '제품 "1"\\', 'wert\nß\u{1f600}'),
        entry('', 'empty key', '0.1'),
      ];
      await view.commit(batch(0, entries));
      expect(await all()).toEqual({
        '': { 'empty key': '0.1' },
        'a:b {c}': { '': '' },
        ключ: { '제품 "1"\\': 'wert\nß\u{1f600}' },
      });
    });

    it('forgets entries that long after their last write, and starts them anew', async () => {
      await view.commit(batch(0, [entry('a', 'old', 1), entry('b', 'f', 1)], { ttlSeconds: 1 }));
      await view.commit(batch(1, [entry('b', 'f', 2), entry('c', 'f', 1)]));
      expect(await all()).toEqual({ a: { old: '1' }, b: { f: '2' }, c: { f: '1' } });
      await new Promise((resolve) => setTimeout(resolve, 1200));
      expect(await all()).toEqual({ b: { f: '2' }, c: { f: '1' } });
      await view.commit(batch(2, [entry('a', 'new', 1)]));
      expect(await all()).toEqual({ a: { new: '1' }, b: { f: '2' }, c: { f: '1' } });
      expect(await view.marker(id)).toEqual({ epoch: 1, batchId: 2 });
    });

    it('drops a view with its marker and touches no other', async () => {
      const other = `${id}-other`;
      await view.commit(batch(0, [entry('a', 'f', 1)]));
      await view.commit(batch(0, [entry('a', 'f', 2)], { view: other }));
      await view.drop(id);
      expect(await view.marker(id)).toBeUndefined();
      expect(await all()).toEqual({});
      expect((await view.read(other, ['a'])).get('a')?.get('f')).toBe('2');
      expect(await view.commit(batch(0, [entry('b', 'f', 1)]))).toEqual({ kind: 'written' });
      expect(await all()).toEqual({ b: { f: '1' } });
    });

    it('takes 100,000 entries in one batch', async () => {
      const entries = Array.from({ length: 100_000 }, (_, i) =>
        entry(`2026-11-22T${String(Math.floor(i / 1000)).padStart(2, '0')}`, `p${i % 1000}`, i),
      );
      expect(await view.commit(batch(0, entries))).toEqual({ kind: 'written' });
      const found = await all();
      expect(Object.keys(found)).toHaveLength(100);
      expect(Object.values(found).reduce((sum, fields) => sum + Object.keys(fields).length, 0)).toBe(100_000);
      expect(found['2026-11-22T99']?.['p999']).toBe('99999');
    });

    it('takes the batches of many writers at once', async () => {
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, () => view.commit(batch(0, [entry('a', 'f', 1)]))),
      );
      expect(outcomes.filter(({ kind }) => kind === 'written')).toHaveLength(1);
    });

    it.each(['', 'a{b}', 'a\nb'])('refuses %j as a name', async (bad) => {
      await expect(view.commit(batch(0, [], { view: bad }))).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
      });
      await expect(view.drop(bad)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    });

    it('says VIEW_UNAVAILABLE while the store is away, soon, and works when it is back', async () => {
      await view.commit(batch(0, [entry('a', 'f', 1)]));
      await harness.kill();
      const startMs = Date.now();
      await expect(view.commit(batch(1, []))).rejects.toMatchObject({
        code: 'VIEW_UNAVAILABLE',
        reaction: 'retry',
      });
      expect(Date.now() - startMs).toBeLessThan(12_000);
      await harness.start();
      await eventually(() => view.marker(id));
    });

    it('never has half a batch, however often it is killed', async () => {
      let batchId = 0;
      for (let round = 0; round < 3; round++) {
        const killing = new Promise<void>((resolve, reject) => {
          setTimeout(() => void harness.restart().then(resolve, reject), 150);
        });
        for (let tries = 0; tries < 60; tries++) {
          const value = String(batchId);
          const entries = Array.from({ length: 500 }, (_, i) => entry(`k${i % 5}`, `f${i}`, value));
          try {
            const outcome = await view.commit(batch(batchId, entries));
            batchId = outcome.kind === 'gap' ? (outcome.marker?.batchId ?? -1) + 1 : batchId + 1;
          } catch (thrown) {
            expect(thrown).toMatchObject({ code: 'VIEW_UNAVAILABLE' });
            await new Promise((resolve) => setTimeout(resolve, 50));
          }
        }
        await killing;
        const marker = await eventually(() => view.marker(id));
        const found = await all();
        const values = new Set(Object.values(found).flatMap((fields) => Object.values(fields)));
        expect([...values]).toEqual(marker === undefined ? [] : [String(marker.batchId)]);
      }
    }, 60_000);
  });
}

async function eventually<T>(ask: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await ask();
    } catch (thrown) {
      if (tries > 100) throw thrown;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
