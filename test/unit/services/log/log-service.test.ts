import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { resolveConfig } from '../../../../common/config.ts';
import { silentLog } from '../../../../common/log.ts';
import { SystemClock } from '../../../../common/seams/clock.ts';
import { batchKey } from '../../../../services/log/keys.ts';
import { Upkeep } from '../../../../services/log/upkeep.ts';
import { batchOf, memoryStore, openService, readPartition } from './log-harness.ts';

const TOPIC = 't';

async function fresh(spec: object = {}, time = { nowMs: 1_000 }) {
  const store = memoryStore();
  const service = await openService(store, time);
  await service.run({ kind: 'create', topic: TOPIC, spec: { partitions: 1, ...spec } });
  let sequence = 0;
  const append = (...values: (readonly [string | null, string | null, number])[]) =>
    service.run({ kind: 'append', producer: 'p', sequence: ++sequence, batches: [batchOf(TOPIC, values)] });
  const clock = new SystemClock();
  clock.nowMs = () => time.nowMs;
  const upkeep = new Upkeep(service, resolveConfig({ 'log.tombstoneRetentionMs': '500' }), {
    clock,
    log: silentLog(),
  });
  return { store, service, append, time, upkeep };
}

describe('log service', () => {
  it('keeps a request that is sent again once, also over a restart', async () => {
    const { store, service } = await fresh();
    const request = (sequence: number, value: string) =>
      ({ kind: 'append', producer: 'p', sequence, batches: [batchOf(TOPIC, [[null, value, 1]])] }) as const;
    await Promise.all([
      service.run(request(1, 'a')),
      service.run(request(1, 'a')),
      service.run(request(2, 'b')),
    ]);
    await service.run(request(1, 'a'));
    const again = await openService(store);
    await again.run(request(2, 'b'));
    await again.run(request(3, 'c'));
    expect((await readPartition(again, TOPIC)).values.map(String)).toEqual(['a', 'b', 'c']);
  });

  it('fences by epoch, and knows epochs after a restart', async () => {
    const { store, service } = await fresh();
    const commit = (epoch: number, sequence: number, value: string) =>
      ({ kind: 'commit', id: 'x', epoch, sequence, batches: [batchOf(TOPIC, [[null, value, 1]])] }) as const;
    expect(await service.run({ kind: 'open', id: 'x' })).toEqual({ epoch: 1 });
    await service.run(commit(1, 1, 'a'));
    await service.run(commit(1, 1, 'a'));
    expect(await service.run({ kind: 'open', id: 'x' })).toEqual({ epoch: 2 });
    await expect(service.run(commit(1, 2, 'zombie'))).rejects.toMatchObject({ code: 'FENCED' });
    const again = await openService(store);
    await expect(again.run(commit(1, 2, 'zombie'))).rejects.toMatchObject({ code: 'FENCED' });
    await again.run(commit(2, 1, 'b'));
    expect((await readPartition(again, TOPIC)).values.map(String)).toEqual(['a', 'b']);
  });

  it('changes nothing when one batch of a request is bad', async () => {
    const { service } = await fresh();
    const bad = batchOf(TOPIC, [[null, 'x', 1]]);
    bad.bytes[60]! ^= 1;
    const batches = [batchOf(TOPIC, [[null, 'good', 1]]), bad];
    const request = { kind: 'append', producer: 'p', sequence: 1, batches } as const;
    await expect(service.run(request)).rejects.toMatchObject({ code: 'BAD_DATA' });
    const elsewhere = [batches[0]!, batchOf('other', [[null, 'x', 1]])];
    await expect(service.run({ ...request, batches: elsewhere })).rejects.toMatchObject({
      code: 'TOPIC_NOT_FOUND',
    });
    expect(service.describe(TOPIC).partitions).toEqual([{ earliest: 0, latest: 0 }]);
    await service.run({ ...request, batches: [batches[0]!] });
    expect((await readPartition(service, TOPIC)).values.map(String)).toEqual(['good']);
  });

  it('refuses to open when records are gone from the middle', async () => {
    const { store, append } = await fresh();
    for (const value of ['a', 'b', 'c']) await append([null, value, 1]);
    await store.db.del(batchKey('I', 1, 0, 1));
    await expect(openService(store)).rejects.toMatchObject({ code: 'METADATA_DAMAGED' });
  });

  it('finds offsets by time as a walk over all records does', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 1, maxLength: 4 }), {
          maxLength: 12,
        }),
        fc.integer({ min: 0, max: 12 }),
        async (batches, deletedBatches) => {
          const time = { nowMs: 0 };
          const { service, append, upkeep } = await fresh({ retentionMs: 10 }, time);
          for (const [index, timesMs] of batches.entries()) {
            time.nowMs = index < deletedBatches ? 0 : 100;
            await append(...timesMs.map((each) => [null, 'v', each] as const));
          }
          time.nowMs = 101;
          await upkeep.round();
          const { earliest, latest } = service.describe(TOPIC).partitions[0]!;
          const all = batches.flat();
          for (let at = 0; at <= 51; at++) {
            const found = all.findIndex((each, offset) => offset >= earliest && each >= at);
            const { offsets } = await service.offsetsAtTime(TOPIC, at);
            expect(offsets).toEqual([found < 0 ? latest : found]);
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('retention', () => {
  it('deletes what is too old and what is too much, for good', async () => {
    const { store, service, append, time, upkeep } = await fresh({ retentionMs: 1_000 });
    await append([null, 'old', 1]);
    time.nowMs = 3_000;
    await append([null, 'new', 1]);
    await upkeep.round();
    expect(service.describe(TOPIC).partitions).toEqual([{ earliest: 1, latest: 2 }]);
    await expect(readPartition(service, TOPIC, 0)).rejects.toMatchObject({ code: 'OFFSET_OUT_OF_RANGE' });
    time.nowMs = 9_000;
    await upkeep.round();
    const again = await openService(store, time);
    expect(again.describe(TOPIC).partitions).toEqual([{ earliest: 2, latest: 2 }]);
    await again.run({
      kind: 'append',
      producer: 'q',
      sequence: 1,
      batches: [batchOf(TOPIC, [[null, 'next', 1]])],
    });
    expect((await readPartition(again, TOPIC)).offsets).toEqual([2]);
  });

  it('keeps at least the bytes asked for', async () => {
    const { service, append, upkeep } = await fresh({ retentionBytes: 1_000 });
    for (let index = 0; index < 50; index++) await append([null, 'x'.repeat(36), 1]);
    await upkeep.round();
    const { earliest, latest } = service.describe(TOPIC).partitions[0]!;
    // A batch of one such record is 100 bytes.
    expect([earliest, latest]).toEqual([40, 50]);
  });
});

describe('compaction', () => {
  it('keeps the newest record of each key at its offset, and drops old tombstones', async () => {
    const { store, service, append, time, upkeep } = await fresh({ compacted: true });
    for (let index = 0; index < 1_000; index++) await append([`k${index % 7}`, `v${index}`, 1]);
    await append(['k0', null, 1]);
    await append(['last', 'x', 1]);
    await upkeep.round();
    const columns = await readPartition(service, TOPIC);
    // 994 was the newest of k0 before its tombstone at 1000.
    expect(columns.offsets).toEqual([993, 995, 996, 997, 998, 999, 1_000, 1_001]);
    time.nowMs += 1_000;
    for (let index = 0; index < 1_000; index++) await append(['last', `x${index}`, 1]);
    await upkeep.round();
    const again = await openService(store, time);
    const kept = await readPartition(again, TOPIC);
    expect(kept.keys.map(String)).not.toContain('k0');
    expect(kept.keys.map(String).toSorted()).toEqual(['k1', 'k2', 'k3', 'k4', 'k5', 'k6', 'last']);
    expect(kept.values.map(String).at(-1)).toBe('x999');
    await again.run({
      kind: 'append',
      producer: 'q',
      sequence: 1,
      batches: [batchOf(TOPIC, [['z', 'z', 1]])],
    });
    expect(again.describe(TOPIC).partitions[0]!.latest).toBe(2_003);
  });
});
