import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { someBytes, STAMP, TransferCluster } from './transfer-cluster.ts';

describe('a pipeline of three', () => {
  let cluster: TransferCluster;
  beforeEach(async () => {
    cluster = await new TransferCluster().start(3);
  });
  afterEach(() => cluster.close());

  it.each([0, 1, 511, 512, 513, 65_535, 65_536, 65_537, 1_000_003])(
    'stores %i bytes on every node',
    async (length) => {
      const data = someBytes(length);
      await cluster.put(7, data);
      for (const { store, events } of cluster.nodes) {
        expect(store.bytes(7).equals(data)).toBe(true);
        expect(store.replica(7)).toMatchObject({ state: 'FINALIZED', durableLengthBytes: length });
        expect(await store.verify(7)).toBe('ok');
        expect(events.map((event) => event.kind)).toEqual(['RECEIVING', 'RECEIVED']);
      }
      expect((await cluster.get(7)).equals(data)).toBe(true);
      await vi.waitFor(() => {
        expect(cluster.nodes.map((node) => node.server.activeStreams())).toEqual([0, 0, 0]);
      });
    },
  );

  it('reads any range', async () => {
    const data = someBytes(300_000);
    await cluster.put(7, data);
    for (const [offset, length] of [
      [0, 1],
      [511, 2],
      [512, 512],
      [1, 299_998],
      [262_143, 2],
      [299_999, 1],
      [300_000, 0],
      [70_000, 140_001],
    ] as const) {
      const got = await cluster.get(7, { offsetBytes: offset, lengthBytes: length });
      expect(got.equals(data.subarray(offset, offset + length))).toBe(true);
    }
    // One connection for the writer and one for all the reads.
    expect(cluster.net.connects).toBe(3 + 1);
  });

  it('takes writes of any size, in between flushes', async () => {
    const data = someBytes(200_000);
    const writer = await cluster.writer(7);
    let at = 0;
    for (const size of [1, 10, 500, 1, 513, 70_000, 3, 100_000]) {
      await writer.write(Buffer.from(data.subarray(at, at + size)));
      at += size;
      if (size < 1000) {
        await writer.flush({ sync: false });
        expect(writer.ackedBytes).toBe(at);
        for (const { store } of cluster.nodes) expect(store.bytes(7).equals(data.subarray(0, at))).toBe(true);
      }
    }
    await writer.finish();
    for (const { store } of cluster.nodes) {
      expect(store.bytes(7).equals(data.subarray(0, at))).toBe(true);
      expect(await store.verify(7)).toBe('ok');
    }
    expect(cluster.nodes[0]!.store.replica(7)?.generationStamp).toBe(STAMP);
  });
});
