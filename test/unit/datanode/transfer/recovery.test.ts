import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openBlockWriter } from '../../../../common/transfer/block-writer.ts';
import { transferBlock } from '../../../../common/transfer/block-transfer.ts';
import { blockPoolId } from '../../../../common/transfer/protocol.ts';
import { SendPace } from '../../../../datanode/transfer/send-pace.ts';
import { copyBlock } from '../../../../datanode/transfer/block-copier.ts';
import { someBytes, STAMP, type TestNode, TransferCluster } from './transfer-cluster.ts';

const DATA = someBytes(500_001);

describe('a block that is opened again', () => {
  let cluster: TransferCluster;
  beforeEach(async () => {
    cluster = await new TransferCluster().start(4);
  });
  afterEach(() => cluster.close());

  const targetsOf = (nodes: readonly TestNode[]) => nodes.map(({ id, address }) => ({ id, address }));

  it('goes on as a star after a node was lost, from any byte', async () => {
    const [dn1, dn2, dn3] = cluster.nodes as [TestNode, TestNode, TestNode];
    const writer = await cluster.writer(7, { targets: targetsOf([dn1, dn2, dn3]) });
    await writer.write(Buffer.from(DATA.subarray(0, 200_001)));
    await writer.flush({ sync: false });
    cluster.net.kill(dn2.address);
    await expect(
      writer.write(Buffer.from(DATA.subarray(200_001))).then(() => writer.finish()),
    ).rejects.toMatchObject({
      details: { failedNode: 'dn2' },
    });
    expect(writer.ackedBytes).toBeGreaterThanOrEqual(200_001);
    const legs = await Promise.all(
      [dn1, dn3].map((node) =>
        cluster.writer(7, {
          block: { blockId: 7, generationStamp: STAMP, lengthBytes: writer.ackedBytes },
          targets: targetsOf([node]),
          stage: 'streaming-recovery',
          newGenerationStamp: STAMP + 1,
          minBytesReceived: writer.ackedBytes,
          maxBytesReceived: DATA.length,
        }),
      ),
    );
    for (const leg of legs) {
      expect(leg.ackedBytes).toBe(writer.ackedBytes);
      for (const bytes of writer.unacked()) await leg.write(bytes);
      await leg.finish();
    }
    for (const { store, events } of [dn1, dn3]) {
      expect(store.bytes(7).equals(DATA)).toBe(true);
      expect(await store.verify(7)).toBe('ok');
      expect(store.replica(7)).toMatchObject({ state: 'FINALIZED', generationStamp: STAMP + 1 });
      expect(events.map((event) => event.kind)).toEqual(['RECEIVING', 'RECEIVING', 'RECEIVED']);
    }
  });

  it('is cut to the agreed bytes, in a chain too', async () => {
    const three = cluster.nodes.slice(0, 3);
    const writer = await cluster.writer(7, { targets: targetsOf(three) });
    await writer.write(Buffer.from(DATA.subarray(0, 70_000)));
    await writer.flush({ sync: false });
    writer.abort();
    const again = await cluster.writer(7, {
      block: { blockId: 7, generationStamp: STAMP, lengthBytes: 66_001 },
      targets: targetsOf(three),
      stage: 'streaming-recovery',
      newGenerationStamp: STAMP + 1,
      minBytesReceived: 66_001,
      maxBytesReceived: 70_000,
    });
    const other = someBytes(10_000, 9);
    await again.write(Buffer.from(other));
    await again.finish();
    const expected = Buffer.concat([DATA.subarray(0, 66_001), other]);
    for (const { store } of three) {
      expect(store.bytes(7).equals(expected)).toBe(true);
      expect(await store.verify(7)).toBe('ok');
    }
    // The writer of before can change nothing any more.
    await expect(
      cluster.writer(7, {
        stage: 'streaming-recovery',
        targets: targetsOf(three),
        newGenerationStamp: STAMP,
      }),
    ).rejects.toMatchObject({ details: { status: 'ERROR_INVALID' } });
  });

  it('takes more bytes after its end', async () => {
    const three = targetsOf(cluster.nodes.slice(0, 3));
    await cluster.put(7, Buffer.from(DATA.subarray(0, 1_000)), { targets: three });
    const append = {
      block: { blockId: 7, generationStamp: STAMP, lengthBytes: 1_000 },
      targets: three,
      stage: 'append' as const,
      newGenerationStamp: STAMP + 1,
      minBytesReceived: 1_000,
      maxBytesReceived: 1_000,
    };
    await cluster.put(7, Buffer.from(DATA.subarray(1_000)), append);
    for (const { store } of cluster.nodes.slice(0, 3)) {
      expect(store.bytes(7).equals(DATA)).toBe(true);
      expect(await store.verify(7)).toBe('ok');
    }
    await expect(cluster.writer(7, append)).rejects.toMatchObject({ details: { failedIndex: 0 } });
  });

  it('is closed by close recovery, whether it was open or finalized', async () => {
    const [dn1, dn2] = cluster.nodes as [TestNode, TestNode];
    const writer = await cluster.writer(7, { targets: targetsOf([dn1, dn2]) });
    await writer.write(Buffer.from(DATA));
    await writer.flush({ sync: false });
    writer.abort();
    await dn1.store.finalize(7, STAMP, DATA.length);
    const closing = await cluster.writer(7, {
      block: { blockId: 7, generationStamp: STAMP, lengthBytes: DATA.length },
      targets: targetsOf([dn1, dn2]),
      stage: 'close-recovery',
      newGenerationStamp: STAMP + 1,
      minBytesReceived: DATA.length,
      maxBytesReceived: DATA.length,
    });
    await closing.finish();
    for (const { store } of [dn1, dn2]) {
      expect(store.replica(7)).toMatchObject({
        state: 'FINALIZED',
        generationStamp: STAMP + 1,
        lengthBytes: DATA.length,
      });
    }
  });

  it('refuses a node that has fewer bytes than were agreed', async () => {
    const [dn1] = cluster.nodes as [TestNode];
    await dn1.store.create(7, STAMP, 'RBW');
    await expect(
      cluster.writer(7, {
        block: { blockId: 7, generationStamp: STAMP, lengthBytes: 10 },
        targets: targetsOf([dn1]),
        stage: 'streaming-recovery',
        newGenerationStamp: STAMP + 1,
      }),
    ).rejects.toMatchObject({ code: 'PIPELINE_FAILED', details: { status: 'ERROR_INVALID' } });
  });

  it('does not sign damage of its last 512 bytes anew', async () => {
    const [dn1] = cluster.nodes as [TestNode];
    await cluster.put(7, Buffer.from(DATA.subarray(0, 700)), { targets: targetsOf([dn1]) });
    dn1.store.reopen = async (blockId, generationStamp, lengthBytes) => {
      const stored = dn1.store.blocks.get(blockId)!;
      stored.replica = { ...stored.replica, generationStamp, lengthBytes, state: 'RBW' };
      dn1.store.damage(blockId, 600);
      return Promise.resolve(stored.replica);
    };
    const append = cluster.put(7, someBytes(100), {
      block: { blockId: 7, generationStamp: STAMP, lengthBytes: 700 },
      targets: targetsOf([dn1]),
      stage: 'append',
      newGenerationStamp: STAMP + 1,
    });
    await expect(append).rejects.toMatchObject({ code: 'PIPELINE_FAILED', details: { failedNode: 'dn1' } });
    expect(await dn1.store.verify(7)).toBe('corrupt');
  });

  describe('copies', () => {
    const request = (nodes: readonly TestNode[], lengthBytes = DATA.length) => ({
      block: { blockId: 7, generationStamp: STAMP, lengthBytes },
      targets: targetsOf(nodes),
      clientName: 'copy',
      poolId: blockPoolId('c1'),
      pace: undefined,
      config: cluster.config,
    });

    it('sends a finalized replica to two nodes', async () => {
      const [dn1, dn2, dn3] = cluster.nodes as [TestNode, TestNode, TestNode];
      await cluster.put(7, Buffer.from(DATA), { targets: targetsOf([dn1]) });
      await copyBlock(cluster, dn1.store, request([dn2, dn3]));
      for (const { store, events } of [dn2, dn3]) {
        expect(store.bytes(7).equals(DATA)).toBe(true);
        expect(store.replica(7)).toMatchObject({ state: 'FINALIZED', durableLengthBytes: DATA.length });
        expect(events.map((event) => event.kind)).toEqual(['RECEIVED']);
      }
    });

    it('sends no damaged byte', async () => {
      const [dn1, dn2] = cluster.nodes as [TestNode, TestNode];
      await cluster.put(7, Buffer.from(DATA), { targets: targetsOf([dn1]) });
      dn1.store.damage(7, 400_000);
      const error = await copyBlock(cluster, dn1.store, request([dn2])).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'BLOCK_CORRUPT', details: {} });
      expect(dn2.store.replica(7)?.state).toBe('TEMPORARY');
      await expect(cluster.get(7, { address: dn2.address, lengthBytes: 1 })).rejects.toMatchObject({
        code: 'BLOCK_NOT_FOUND',
      });
    });

    it('keeps to its rate', async () => {
      const [dn1, dn2] = cluster.nodes as [TestNode, TestNode];
      await cluster.put(7, Buffer.from(DATA), { targets: targetsOf([dn1]) });
      dn1.store.readChunkBytes = 64 * 1024;
      const startMs = performance.now();
      await copyBlock(cluster, dn1.store, {
        ...request([dn2]),
        pace: new SendPace(cluster.clock, 1_000_000),
      });
      expect(performance.now() - startMs).toBeGreaterThan(450);
    });

    it('refuses another stamp than that of the replica', async () => {
      const [dn1, dn2] = cluster.nodes as [TestNode, TestNode];
      await cluster.put(7, Buffer.from(DATA), { targets: targetsOf([dn1]) });
      const stale = { ...request([dn2]), block: { blockId: 7, generationStamp: STAMP + 1, lengthBytes: 0 } };
      await expect(copyBlock(cluster, dn1.store, stale)).rejects.toMatchObject({ code: 'STALE_GENERATION' });
    });

    it('brings a new node into a pipeline with what the others have', async () => {
      const [dn1, dn2, , dn4] = cluster.nodes as [TestNode, TestNode, TestNode, TestNode];
      const writer = await cluster.writer(7, { targets: targetsOf([dn1, dn2]) });
      await writer.write(Buffer.from(DATA.subarray(0, 100_000)));
      await writer.flush({ sync: false });
      writer.abort();
      await transferBlock(cluster, {
        address: dn1.address,
        block: { blockId: 7, generationStamp: STAMP, lengthBytes: 100_000 },
        targets: targetsOf([dn4]),
        clientName: 'test',
        connectTimeoutMs: 200,
        timeoutMs: 2_000,
      });
      expect(dn4.events).toEqual([]);
      const again = await openBlockWriter(
        cluster,
        cluster.writeRequest(7, {
          block: { blockId: 7, generationStamp: STAMP, lengthBytes: 100_000 },
          targets: targetsOf([dn1, dn4]),
          stage: 'streaming-recovery',
          newGenerationStamp: STAMP + 1,
        }),
      );
      await again.write(Buffer.from(DATA.subarray(100_000)));
      await again.finish();
      expect(dn4.store.bytes(7).equals(DATA)).toBe(true);
      await expect(
        transferBlock(cluster, {
          address: dn2.address,
          block: { blockId: 8, generationStamp: STAMP, lengthBytes: 0 },
          targets: targetsOf([dn4]),
          clientName: 'test',
          connectTimeoutMs: 200,
          timeoutMs: 2_000,
        }),
      ).rejects.toMatchObject({ code: 'PIPELINE_FAILED' });
    });
  });
});
