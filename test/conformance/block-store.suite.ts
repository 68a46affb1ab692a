import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LevelBlockStore } from '../../datanode/store/level-block-store.ts';
import { bytesOf, chunkOf, readBytes, type StoreHarness, writeBlock, writeBytes } from './store-harness.ts';

const KiB = 1024;
const failing = (code: string) => expect.objectContaining({ code });

/** What every BlockStore does, whatever keeps its bytes. */
export function describeBlockStore(name: string, make: () => Promise<StoreHarness>): void {
  describe(`block store on ${name}`, () => {
    let harness: StoreHarness;
    let store: LevelBlockStore;

    beforeEach(async () => {
      harness = await make();
      store = await harness.open();
    });
    afterEach(() => harness.dispose());

    const restart = async () => {
      await store.close();
      store = await harness.open();
    };
    const killed = async () => {
      await harness.kill();
      store = await harness.open();
    };
    const expectBytes = async (blockId: number, lengthBytes: number) => {
      expect(store.replica(blockId)?.lengthBytes).toBe(lengthBytes);
      const { data } = await readBytes(store, blockId, 0, lengthBytes);
      expect(data.equals(bytesOf(blockId, 0, lengthBytes))).toBe(true);
    };

    describe('writing', () => {
      it('keeps what was appended, over a clean restart too', async () => {
        const replica = await writeBlock(store, 7, 300 * KiB + 77);
        expect(replica).toEqual({
          blockId: 7,
          generationStamp: 1,
          state: 'FINALIZED',
          lengthBytes: 300 * KiB + 77,
          durableLengthBytes: 300 * KiB + 77,
        });
        await expectBytes(7, 300 * KiB + 77);
        await restart();
        expect(store.replica(7)).toEqual(replica);
        await expectBytes(7, 300 * KiB + 77);
      });

      it('keeps an empty block', async () => {
        await writeBlock(store, 1, 0);
        await restart();
        expect(store.replica(1)?.state).toBe('FINALIZED');
        expect((await readBytes(store, 1, 0, 0)).data.length).toBe(0);
      });

      it('keeps blocks apart that are written at the same time', async () => {
        await Promise.all([1, 2, 3, 4].map((blockId) => writeBlock(store, blockId, blockId * 200 * KiB + 3)));
        for (const blockId of [1, 2, 3, 4]) await expectBytes(blockId, blockId * 200 * KiB + 3);
        expect(store.usedBytes).toBe((1 + 2 + 3 + 4) * 200 * KiB + 12);
      });

      it('counts used bytes down when a block goes', async () => {
        await writeBlock(store, 1, 100);
        await writeBlock(store, 2, 50);
        expect(await store.delete(1, 1)).toBe(true);
        expect(store.usedBytes).toBe(50);
        await restart();
        expect(store.usedBytes).toBe(50);
      });

      it('refuses a block that is there, and replaces an abandoned older one', async () => {
        await writeBlock(store, 1, 10);
        await expect(store.create(1, 1, 'RBW')).rejects.toEqual(failing('FILE_EXISTS'));
        await expect(store.create(1, 2, 'RBW')).rejects.toEqual(failing('FILE_EXISTS'));
        await store.create(2, 5, 'TEMPORARY');
        await writeBytes(store, { blockId: 2, stamp: 5 }, { fromBytes: 0, toBytes: 5000 });
        await expect(store.create(2, 5, 'TEMPORARY')).rejects.toEqual(failing('FILE_EXISTS'));
        const fresh = await store.create(2, 6, 'TEMPORARY');
        expect(fresh.lengthBytes).toBe(0);
        expect(store.usedBytes).toBe(10);
        await expect(store.append(2, 5, chunkOf(0, bytesOf(2, 0, 10)))).rejects.toEqual(
          failing('STALE_GENERATION'),
        );
      });

      it('refuses gaps, odd offsets, wrong checksums counts and wrong lengths', async () => {
        await store.create(1, 1, 'RBW');
        await writeBytes(store, { blockId: 1, stamp: 1 }, { fromBytes: 0, toBytes: 1024 });
        const invalid = failing('INVALID_ARGUMENT');
        await expect(store.append(1, 1, chunkOf(2048, Buffer.alloc(512)))).rejects.toEqual(invalid);
        await expect(store.append(1, 1, chunkOf(1000, Buffer.alloc(512)))).rejects.toEqual(invalid);
        await expect(store.append(1, 1, chunkOf(1024, Buffer.alloc(0)))).rejects.toEqual(invalid);
        const short = { ...chunkOf(1024, Buffer.alloc(1024)), checksums: Buffer.alloc(4) };
        await expect(store.append(1, 1, short)).rejects.toEqual(invalid);
        await expect(store.finalize(1, 1, 1023)).rejects.toEqual(invalid);
        await expect(store.finalize(9, 1, 0)).rejects.toEqual(failing('BLOCK_NOT_FOUND'));
        expect(await store.finalize(1, 1, 1024)).toMatchObject({ state: 'FINALIZED' });
        await expect(store.append(1, 1, chunkOf(1024, Buffer.alloc(512)))).rejects.toEqual(invalid);
      });

      it('finalizes twice without harm', async () => {
        await writeBlock(store, 1, 100);
        expect(await store.finalize(1, 1, 100)).toMatchObject({ state: 'FINALIZED' });
        await expect(store.finalize(1, 1, 99)).rejects.toEqual(failing('INVALID_ARGUMENT'));
      });

      it('says what is durable', async () => {
        await store.create(1, 1, 'RBW');
        await writeBytes(store, { blockId: 1, stamp: 1 }, { fromBytes: 0, toBytes: 4096 });
        expect(store.replica(1)).toMatchObject({ lengthBytes: 4096, durableLengthBytes: 0 });
        expect(await store.sync(1, 1)).toMatchObject({ durableLengthBytes: 4096 });
        await writeBytes(store, { blockId: 1, stamp: 1 }, { fromBytes: 4096, toBytes: 5000 });
        expect(store.replica(1)).toMatchObject({ lengthBytes: 5000, durableLengthBytes: 4096 });
      });
    });

    describe('overlap and truncation', () => {
      it('lets the newer bytes win where a partial 512 is sent again', async () => {
        await store.create(1, 1, 'RBW');
        await writeBytes(store, { blockId: 1, stamp: 1 }, { fromBytes: 0, toBytes: 1000 });
        await writeBytes(store, { blockId: 1, stamp: 1 }, { fromBytes: 512, toBytes: 3000 });
        await writeBytes(store, { blockId: 1, stamp: 1 }, { fromBytes: 2560, toBytes: 3001 });
        await store.finalize(1, 1, 3001);
        await expectBytes(1, 3001);
        await restart();
        await expectBytes(1, 3001);
      });

      it('takes a resend of bytes that are there, and keeps those behind it', async () => {
        await store.create(1, 1, 'RBW');
        await writeBytes(store, { blockId: 1, stamp: 1 }, { fromBytes: 0, toBytes: 10_000 });
        await writeBytes(store, { blockId: 1, stamp: 1 }, { fromBytes: 1024, toBytes: 3000 });
        await expectBytes(1, 10_000);
        await store.append(1, 1, chunkOf(2048, Buffer.alloc(1024, 9)));
        const { data } = await readBytes(store, 1, 2048, 1024);
        expect(data.equals(Buffer.alloc(1024, 9))).toBe(true);
        expect(store.usedBytes).toBe(10_000);
      });

      it.each([0, 1, 511, 512, 700, 65_536, 99_999])(
        'cuts to %i bytes at reopen and goes on',
        async (cut) => {
          await store.create(1, 1, 'RBW');
          await writeBytes(store, { blockId: 1, stamp: 1 }, { fromBytes: 0, toBytes: 100_000 });
          expect(await store.reopen(1, 2, cut)).toMatchObject({
            state: 'RBW',
            lengthBytes: cut,
            generationStamp: 2,
          });
          expect(store.usedBytes).toBe(cut);
          await expectBytes(1, cut);
          const aligned = cut - (cut % 512);
          await writeBytes(store, { blockId: 1, stamp: 2 }, { fromBytes: aligned, toBytes: 120_001 });
          await store.finalize(1, 2, 120_001);
          await restart();
          await expectBytes(1, 120_001);
        },
      );

      it('reopens a finalized block for append, never longer than it is', async () => {
        await writeBlock(store, 1, 1000);
        await expect(store.reopen(1, 2, 1001)).rejects.toEqual(failing('INVALID_ARGUMENT'));
        await store.reopen(1, 2, 1000);
        await writeBytes(store, { blockId: 1, stamp: 2 }, { fromBytes: 512, toBytes: 2000 });
        await killed();
        expect(store.replica(1)).toMatchObject({ state: 'RWR', generationStamp: 2 });
        await expectBytes(1, 2000);
      });
    });

    describe('reading', () => {
      it.each([
        [0, 1],
        [511, 2],
        [513, 10],
        [65_000, 2000],
        [131_071, 70_000],
        [199_999, 1],
        [100, 500_000],
      ])('answers %i+%i aligned outwards', async (offset, length) => {
        const size = 200_000;
        await writeBlock(store, 3, size);
        const { offsetBytes, data } = await readBytes(store, 3, offset, length);
        const from = offset - (offset % 512);
        const to = Math.min(size, Math.ceil((offset + length) / 512) * 512);
        expect([offsetBytes, offsetBytes + data.length]).toEqual([from, to]);
        expect(data.equals(bytesOf(3, from, to - from))).toBe(true);
      });

      it('has nothing at the end and refuses what lies behind it', async () => {
        await writeBlock(store, 3, 1000);
        expect((await readBytes(store, 3, 1000, 10)).data.length).toBe(0);
        await expect(readBytes(store, 3, 1001, 1)).rejects.toEqual(failing('INVALID_ARGUMENT'));
        await expect(readBytes(store, 4, 0, 1)).rejects.toEqual(failing('BLOCK_NOT_FOUND'));
      });

      it('reads a block that is being written up to what has been appended', async () => {
        await store.create(1, 1, 'RBW');
        await writeBytes(store, { blockId: 1, stamp: 1 }, { fromBytes: 0, toBytes: 70_001 });
        await expectBytes(1, 70_001);
      });

      it('can be left early', async () => {
        await writeBlock(store, 1, 1024 * KiB);
        for await (const chunk of store.read(1, 0, 1024 * KiB)) {
          expect(chunk.offsetBytes).toBe(0);
          break;
        }
        await expectBytes(1, 1024 * KiB);
      });
    });

    describe('stamps', () => {
      it('stops a stale writer whatever it does', async () => {
        await store.create(1, 1, 'RBW');
        await writeBytes(store, { blockId: 1, stamp: 1 }, { fromBytes: 0, toBytes: 2048 });
        await store.reopen(1, 3, 1024);
        const stale = failing('STALE_GENERATION');
        await expect(store.append(1, 1, chunkOf(1024, Buffer.alloc(512)))).rejects.toEqual(stale);
        await expect(store.sync(1, 1)).rejects.toEqual(stale);
        await expect(store.finalize(1, 1, 1024)).rejects.toEqual(stale);
        await expect(store.reopen(1, 2, 0)).rejects.toEqual(stale);
        expect(await store.delete(1, 2)).toBe(false);
        expect(store.replica(1)).toMatchObject({ generationStamp: 3, lengthBytes: 1024 });
      });

      it('compares the stamp where the change happens, not where it was asked for', async () => {
        await store.create(1, 1, 'RBW');
        await writeBytes(store, { blockId: 1, stamp: 1 }, { fromBytes: 0, toBytes: 1024 });
        const outcomes = await Promise.allSettled([
          store.append(1, 1, chunkOf(1024, bytesOf(1, 1024, 512))),
          store.reopen(1, 2, 1024),
          store.append(1, 1, chunkOf(1024, Buffer.alloc(512, 1))),
          store.finalize(1, 1, 1536),
          store.startRecovery(1, 4),
          store.reopen(1, 3, 0),
          store.startRecovery(1, 4),
          store.startRecovery(1, 5),
          store.completeRecovery(1, 4, 512),
          store.completeRecovery(1, 5, 512),
        ]);
        expect(
          outcomes.map((outcome) =>
            outcome.status === 'fulfilled' ? 'ok' : (outcome.reason as { code: string }).code,
          ),
        ).toEqual([
          'ok',
          'ok',
          'STALE_GENERATION',
          'STALE_GENERATION',
          'ok',
          'STALE_GENERATION',
          'STALE_GENERATION',
          'ok',
          'STALE_GENERATION',
          'ok',
        ]);
        expect(store.replica(1)).toMatchObject({ state: 'FINALIZED', generationStamp: 5, lengthBytes: 512 });
      });

      it('recovers: the older state is told, writers are stopped, the cut is durable', async () => {
        await store.create(1, 1, 'RBW');
        await writeBytes(store, { blockId: 1, stamp: 1 }, { fromBytes: 0, toBytes: 3000 });
        expect(await store.startRecovery(1, 2)).toMatchObject({ state: 'RBW', lengthBytes: 3000 });
        expect(store.replica(1)?.state).toBe('RUR');
        await expect(store.append(1, 1, chunkOf(2560, Buffer.alloc(512)))).rejects.toEqual(
          failing('STALE_GENERATION'),
        );
        await expect(store.completeRecovery(1, 2, 3001)).rejects.toEqual(failing('INVALID_ARGUMENT'));
        await store.completeRecovery(1, 2, 2900);
        expect(await store.completeRecovery(1, 2, 2900)).toMatchObject({ lengthBytes: 2900 });
        await killed();
        expect(store.replica(1)).toMatchObject({ state: 'FINALIZED', generationStamp: 2 });
        await expectBytes(1, 2900);
        await expect(store.startRecovery(2, 3)).rejects.toEqual(failing('BLOCK_NOT_FOUND'));
      });

      it('keeps the promise of a recovery over a restart', async () => {
        await writeBlock(store, 1, 100);
        await store.startRecovery(1, 7);
        await killed();
        expect(store.replica(1)).toMatchObject({ state: 'FINALIZED', generationStamp: 1 });
        await expect(store.startRecovery(1, 7)).rejects.toEqual(failing('STALE_GENERATION'));
        expect(await store.startRecovery(1, 8)).toMatchObject({ state: 'FINALIZED', lengthBytes: 100 });
      });
    });
  });
}
