import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { QuarryError } from '../../../../common/quarry-error.ts';
import type { BlockWriter } from '../../../../common/transfer/block-writer.ts';
import { someBytes, STAMP, TransferCluster } from './transfer-cluster.ts';

const DATA = someBytes(400_000);

async function failureOf(work: Promise<unknown>): Promise<QuarryError> {
  return work.then(
    () => {
      throw new Error('it succeeded');
    },
    (thrown: unknown) => thrown as QuarryError,
  );
}

describe('a failing pipeline', () => {
  let cluster: TransferCluster;
  beforeEach(async () => {
    cluster = await new TransferCluster().start(3);
  });
  afterEach(() => cluster.close());

  async function writeAll(writer: BlockWriter): Promise<void> {
    await writer.write(Buffer.from(DATA));
    await writer.finish();
  }

  /** Everything not acknowledged is there to be sent again. */
  function expectResendable(writer: BlockWriter): void {
    expect(Buffer.concat(writer.unacked()).equals(DATA.subarray(writer.ackedBytes))).toBe(true);
  }

  it.each([0, 1, 2])('blames hop %i for bytes damaged on the way to it', async (hop) => {
    const address = cluster.nodes[hop]!.address;
    let passed = 0;
    cluster.net.onLink = (link) => {
      if (link.address !== address) return;
      link.near.fault = {
        change: (bytes) => {
          const at = 150_000 - passed;
          if (at >= 0 && at < bytes.length) bytes[at] = bytes[at]! ^ 4;
          passed += bytes.length;
          return bytes;
        },
      };
    };
    const writer = await cluster.writer(7);
    const error = await failureOf(writeAll(writer));
    expect(error).toMatchObject({
      code: 'BLOCK_CORRUPT',
      details: { failedNode: `dn${hop + 1}`, failedIndex: hop },
    });
    expectResendable(writer);
    for (const { store } of cluster.nodes) {
      expect(store.replica(7)?.state).toBe('RBW');
      expect(store.bytes(7).equals(DATA.subarray(0, store.bytes(7).length))).toBe(true);
      expect(store.bytes(7).length).toBeGreaterThanOrEqual(writer.ackedBytes);
    }
  });

  it.each([0, 1, 2])('names node %i that is killed while bytes are on the way', async (hop) => {
    const victim = cluster.nodes[hop]!;
    let appends = 0;
    victim.store.beforeAppend = async () => {
      if (++appends === 3) cluster.net.kill(victim.address);
      await Promise.resolve();
    };
    const writer = await cluster.writer(7);
    const error = await failureOf(writeAll(writer));
    expect(error).toMatchObject({
      code: 'PIPELINE_FAILED',
      details: { failedNode: victim.id, failedIndex: hop },
    });
    expectResendable(writer);
  });

  it.each([0, 1, 2])('names node %i that stands still while nothing is on the way', async (hop) => {
    const victim = cluster.nodes[hop]!;
    const writer = await cluster.writer(7);
    await writer.write(Buffer.from(DATA));
    await writer.flush({ sync: false });
    cluster.net.freeze(victim.address);
    const startMs = performance.now();
    const error = await failureOf(
      (async () => {
        for (;;) {
          await writer.flush({ sync: false });
          await cluster.clock.sleep(20);
        }
      })(),
    );
    expect(error.details).toMatchObject({ failedNode: victim.id, failedIndex: hop });
    expect(performance.now() - startMs).toBeLessThan(1_500);
    expect(writer.ackedBytes).toBe(DATA.length);
  });

  it.each([0, 1, 2])('names node %i that is not there when the block is opened', async (hop) => {
    cluster.net.kill(cluster.nodes[hop]!.address);
    const error = await failureOf(cluster.writer(7));
    expect(error).toMatchObject({
      code: 'PIPELINE_FAILED',
      details: { failedNode: `dn${hop + 1}`, failedIndex: hop },
    });
  });

  it.each([0, 1, 2])('names node %i that does not answer when the block is opened', async (hop) => {
    const { address } = cluster.nodes[hop]!;
    cluster.net.onLink = (link) => {
      if (link.address === address) link.far.frozen = true;
    };
    const error = await failureOf(cluster.writer(7));
    expect(error.details).toMatchObject({ failedNode: `dn${hop + 1}`, failedIndex: hop });
  });

  it.each([0, 1, 2])('names node %i whose store refuses', async (hop) => {
    await cluster.nodes[hop]!.store.create(7, STAMP, 'RBW');
    const error = await failureOf(cluster.writer(7));
    expect(error.details).toMatchObject({ failedIndex: hop, status: 'ERROR_EXISTS' });
  });

  it.each([0, 1, 2])('names node %i that is full', async (hop) => {
    cluster.nodes[hop]!.store.create = () => Promise.reject(new QuarryError('NO_SPACE', 'the disk is full'));
    const error = await failureOf(cluster.writer(7));
    expect(error).toMatchObject({
      code: 'NO_SPACE',
      details: { failedNode: `dn${hop + 1}`, failedIndex: hop },
    });
    expect(error.message).toContain('the disk is full');
  });

  it.each([0, 1, 2])('names node %i whose disk fails', async (hop) => {
    cluster.nodes[hop]!.store.beforeAppend = ({ offsetBytes }) =>
      offsetBytes > 100_000 ? Promise.reject(new Error('EIO')) : Promise.resolve();
    const writer = await cluster.writer(7);
    const error = await failureOf(writeAll(writer));
    expect(error).toMatchObject({ code: 'PIPELINE_FAILED', details: { failedIndex: hop } });
    expectResendable(writer);
  });

  it.each([0, 1, 2])('names node %i whose disk hangs, though it lives', async (hop) => {
    let released: () => void = () => undefined;
    const hanging = new Promise<void>((resolve) => {
      released = resolve;
    });
    cluster.nodes[hop]!.store.beforeAppend = () => hanging;
    const writer = await cluster.writer(7);
    const error = await failureOf(writeAll(writer));
    released();
    expect(error.details).toMatchObject({ failedIndex: hop });
  });

  it('blames no node when the caller changed its buffer', async () => {
    const mine = Buffer.from(DATA.subarray(0, 65_536));
    cluster.net.onLink = (link) => {
      if (link.address !== cluster.nodes[0]!.address) return;
      link.near.fault = {
        change: (bytes) => {
          if (bytes.length > 1000) {
            mine[5] = mine[5]! ^ 1; // what the program did wrong, as the wire saw it
            bytes[5] = mine[5]!;
          }
          return bytes;
        },
      };
    };
    const writer = await cluster.writer(7);
    const error = await failureOf(writer.write(mine).then(() => writer.finish()));
    expect(error.code).toBe('BLOCK_CORRUPT');
    expect(error.details).toEqual({});
  });

  it('keeps a slow pipeline that lives', async () => {
    let released: () => void = () => undefined;
    const wait = new Promise<void>((resolve) => {
      released = resolve;
    });
    cluster.nodes[2]!.store.beforeAppend = () => wait;
    const writer = await cluster.writer(7);
    const writing = writeAll(writer);
    await cluster.clock.sleep(1_000); // more than twice what silence is
    released();
    await writing;
    expect(cluster.nodes.every(({ store }) => store.bytes(7).equals(DATA))).toBe(true);
  });

  it('never has more than a window on the way', async () => {
    let released: () => void = () => undefined;
    const wait = new Promise<void>((resolve) => {
      released = resolve;
    });
    cluster.nodes[0]!.store.beforeAppend = () => wait;
    const writer = await cluster.writer(7, { windowBytes: 128 * 1024 });
    let written = 0;
    const writing = (async () => {
      for (let i = 0; i < 40; i++) {
        await writer.write(someBytes(16 * 1024, i + 1));
        written++;
      }
      await writer.finish();
    })();
    await cluster.clock.sleep(200);
    // A window, and less than a packet that is still being gathered.
    expect(written * 16 * 1024).toBeLessThan((128 + 64) * 1024);
    released();
    await writing;
    expect(written).toBe(40);
  });

  it('leaves the replicas open when the client goes', async () => {
    const writer = await cluster.writer(7);
    await writer.write(Buffer.from(DATA));
    await writer.flush({ sync: true });
    writer.abort();
    await vi.waitFor(() => {
      expect(cluster.nodes.map(({ server }) => server.activeStreams())).toEqual([0, 0, 0]);
    });
    for (const { store } of cluster.nodes) {
      expect(store.replica(7)).toMatchObject({ state: 'RBW', durableLengthBytes: DATA.length });
      expect(store.calls).toEqual(['sync']);
    }
    await expect(writer.flush({ sync: false })).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });

  it('stops when its signal aborts', async () => {
    const controller = new AbortController();
    const writer = await cluster.writer(7, { signal: controller.signal });
    await writer.write(Buffer.from(DATA));
    controller.abort();
    await expect(writer.finish()).rejects.toMatchObject({ code: 'INTERRUPTED' });
    await expect(cluster.writer(8, { signal: controller.signal })).rejects.toMatchObject({
      code: 'INTERRUPTED',
    });
  });
});
