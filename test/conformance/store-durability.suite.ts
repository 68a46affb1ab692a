import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LevelBlockStore } from '../../datanode/store/level-block-store.ts';
import { bytesOf, chunkOf, readBytes, type StoreHarness, writeBlock, writeBytes } from './store-harness.ts';

const KiB = 1024;
const failing = (code: string) => expect.objectContaining({ code });

/** What every BlockStore keeps, finds and gives back when processes die, bits flip and blocks go. */
export function describeStoreDurability(name: string, make: () => Promise<StoreHarness>): void {
  describe(`durability of the block store on ${name}`, () => {
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

    describe('after a kill', () => {
      it('has what was finalized, what was appended as RWR, and no copies that were being received', async () => {
        await writeBlock(store, 1, 200_000);
        await store.create(2, 1, 'RBW');
        await writeBytes(store, { blockId: 2, stamp: 1 }, { fromBytes: 0, toBytes: 150_001 });
        await store.create(3, 1, 'TEMPORARY');
        await writeBytes(store, { blockId: 3, stamp: 1 }, { fromBytes: 0, toBytes: 1000 });
        await store.create(4, 1, 'RBW');
        await killed();
        expect([...store.replicas()].map(({ blockId, state }) => [blockId, state])).toEqual([
          [1, 'FINALIZED'],
          [2, 'RWR'],
          [4, 'RWR'],
        ]);
        await expectBytes(1, 200_000);
        await expectBytes(2, 150_001);
        expect(store.usedBytes).toBe(350_001);
        await expect(store.append(2, 1, chunkOf(149_504, Buffer.alloc(512)))).rejects.toEqual(
          failing('INVALID_ARGUMENT'),
        );
        await store.reopen(2, 2, 150_001);
        await writeBytes(store, { blockId: 2, stamp: 2 }, { fromBytes: 149_504, toBytes: 160_000 });
        await killed();
        await killed();
        expect(store.replica(2)).toMatchObject({ state: 'RWR', generationStamp: 2 });
        await expectBytes(2, 160_000);
      });

      it('cuts an unfinished replica to what verifies', async () => {
        await store.create(1, 1, 'RBW');
        await writeBytes(
          store,
          { blockId: 1, stamp: 1 },
          { fromBytes: 0, toBytes: 40_000, chunkBytes: 8192 },
        );
        await store.close();
        let seen = 0;
        await harness.damage((value) => (seen++ === 2 ? flipped(value, 100) : undefined));
        store = await harness.open();
        expect(store.replica(1)).toMatchObject({ state: 'RWR', lengthBytes: 16_384 });
        await expectBytes(1, 16_384);
      });

      it('does not take chunks of an earlier life of a block', async () => {
        await store.create(1, 1, 'RBW');
        await writeBytes(store, { blockId: 1, stamp: 1 }, { fromBytes: 0, toBytes: 9000 });
        await store.delete(1, 1);
        await store.create(1, 2, 'RBW');
        await killed();
        expect(store.replica(1)).toMatchObject({ state: 'RWR', generationStamp: 2, lengthBytes: 0 });
      });
    });

    describe('damage', () => {
      it.each([0, 4, 9, 20, 30, 37, 45, 3000])('finds a flipped bit in byte %i of a value', async (at) => {
        await writeBlock(store, 1, 3 * 64 * KiB);
        await store.close();
        let seen = 0;
        await harness.damage((value) => (seen++ === 1 ? flipped(value, at) : undefined));
        store = await harness.open();
        expect(await store.verify(1, 0)).toBe('corrupt');
        await expect(readBytes(store, 1, 0, 3 * 64 * KiB)).rejects.toEqual(failing('BLOCK_CORRUPT'));
        const { data } = await readBytes(store, 1, 0, 64 * KiB);
        expect(data.equals(bytesOf(1, 0, 64 * KiB))).toBe(true);
      });

      it('finds a value that belongs to another place', async () => {
        await writeBlock(store, 1, 64 * KiB);
        await writeBlock(store, 2, 64 * KiB);
        await store.close();
        let first: Buffer | undefined;
        await harness.damage((value) => {
          if (first !== undefined) return first;
          first = Buffer.from(value);
          return undefined;
        });
        store = await harness.open();
        expect(await store.verify(1, 0)).toBe('ok');
        expect(await store.verify(2, 0)).toBe('corrupt');
        await expect(readBytes(store, 2, 0, 10)).rejects.toEqual(failing('BLOCK_CORRUPT'));
      });

      it('says ok and missing', async () => {
        await writeBlock(store, 1, 100_000);
        expect(await store.verify(1, 0)).toBe('ok');
        expect(await store.verify(2, 0)).toBe('missing');
      });
    });

    describe('space', () => {
      const small = { segmentBytes: 256 * KiB };
      const settled = async (condition: () => Promise<boolean>) => {
        for (let tries = 0; tries < 200 && !(await condition()); tries++) {
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
        expect(await condition()).toBe(true);
      };

      beforeEach(async () => {
        await store.close();
        store = await harness.open(small);
      });

      it('removes a segment when its last block goes', async () => {
        for (let blockId = 1; blockId <= 4; blockId++) {
          await writeBlock(store, blockId, 300 * KiB);
          await settled(async () => store.segmentCount === blockId + 1);
        }
        for (let blockId = 1; blockId <= 4; blockId++) await store.delete(blockId, 1);
        await settled(async () => (await harness.segments()).length === 1);
        await writeBlock(store, 9, 100 * KiB);
        await restart();
        await expectBytes(9, 100 * KiB);
      });

      it('copies a mostly dead segment forward while it is read', async () => {
        await writeBlock(store, 1, 60 * KiB);
        await writeBlock(store, 2, 240 * KiB);
        await settled(async () => store.segmentCount === 2);
        for (let blockId = 3; blockId <= 6; blockId++) await writeBlock(store, blockId, 256 * KiB);
        const before = (await harness.segments()).toSorted()[0]!;
        const reader = store.read(1, 0, 60 * KiB)[Symbol.asyncIterator]();
        await reader.next();
        await store.delete(2, 1);
        await settled(async () => !(await harness.segments()).includes(before));
        await expectBytes(1, 60 * KiB);
        for (let blockId = 3; blockId <= 6; blockId++) await expectBytes(blockId, 256 * KiB);
        await killed();
        await expectBytes(1, 60 * KiB);
        expect(await store.verify(1, 0)).toBe('ok');
      });

      it('goes over segments with blocks that are being written', async () => {
        await store.create(1, 1, 'RBW');
        await writeBytes(store, { blockId: 1, stamp: 1 }, { fromBytes: 0, toBytes: 2048 * KiB });
        await settled(async () => store.segmentCount > 1);
        await expectBytes(1, 2048 * KiB);
        await killed();
        expect(store.replica(1)?.state).toBe('RWR');
        await expectBytes(1, 2048 * KiB);
      });
    });
  });
}

function flipped(value: Buffer, at: number): Buffer {
  const copy = Buffer.from(value);
  copy[at]! ^= 0x10;
  return copy;
}
