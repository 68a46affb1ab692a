import { describe, expect, it } from 'vitest';
import { QuarryError } from '../../../common/quarry-error.ts';
import { readBytes, writeBlock, writeBytes } from '../../conformance/store-harness.ts';
import { SimDatanodes } from './sim-datanodes.ts';

const block = (blockId: number, generationStamp: number, lengthBytes: number) => ({
  blockId,
  generationStamp,
  lengthBytes,
});

describe('a datanode', () => {
  it('registers, reports what it has, and sends heartbeats', async () => {
    const sim = new SimDatanodes(1, ['dn1']);
    await sim.run(async () => {
      const { namenode } = sim;
      await writeBlock(sim.node('dn1').store, 5, 1000);
      await sim.eventually(() => namenode.heartbeats.length >= 3);
      expect(namenode.registrations).toMatchObject([
        { clusterId: '', layoutVersion: 1, info: { id: 'dn1', hostLabel: 'dn1', dataAddress: 'dn1:9866' } },
      ]);
      expect(namenode.reports).toMatchObject([{ reportId: 1, part: 0, parts: 1, replicas: [] }]);
      expect(namenode.heartbeats.at(-1)).toMatchObject({ usedBytes: 1000, blockCount: 1, activeStreams: 0 });
      expect(sim.node('dn1').clusterId).toBe('cluster-1');
    });
  });

  it('registers again when it is not known, with a full report and new numbers', async () => {
    const sim = new SimDatanodes(2, ['dn1']);
    await sim.run(async () => {
      const { namenode } = sim;
      const { store } = sim.node('dn1');
      await writeBlock(store, 5, 1000);
      await writeBlock(store, 6, 10);
      namenode.order('dn1', { id: 1, delete: { blocks: [block(5, 1, 0)] } });
      await sim.eventually(() => namenode.events.length === 1);
      namenode.forget();
      await sim.eventually(() => namenode.registrations.length === 2 && namenode.reports.length === 2);
      expect(namenode.reports.at(-1)).toMatchObject({
        session: 2,
        replicas: [{ block: block(6, 1, 10), state: 'FINALIZED', durable: true }],
      });
      namenode.order('dn1', { id: 2, delete: { blocks: [block(6, 1, 0)] } });
      await sim.eventually(() => namenode.events.length === 2);
      expect(namenode.events).toEqual(['1.1 DELETED 5@1/1000!', '2.1 DELETED 6@1/10!']);
    });
  });

  it('comes through a namenode that loses and repeats messages with every event told once', async () => {
    const sim = new SimDatanodes(3, ['dn1']);
    await sim.run(async () => {
      const { namenode } = sim;
      const { store } = sim.node('dn1');
      const ids = Array.from({ length: 20 }, (_, i) => i + 1);
      for (const id of ids) await writeBlock(store, id, id);
      sim.world.network.weather.dropProbability = 0.3;
      sim.world.network.weather.duplicateProbability = 0.3;
      for (const id of ids) {
        namenode.order('dn1', { id, delete: { blocks: [block(id, 1, 0)] } });
        await sim.sleep(300);
      }
      await sim.eventually(() => namenode.events.length === 20 && namenode.done.length >= 20);
      expect(namenode.events.map((event) => event.split(' ')[2])).toEqual(ids.map((id) => `${id}@1/${id}!`));
      expect([...store.replicas()]).toEqual([]);
    });
  });

  it('deletes no replica that is newer than the order', async () => {
    const sim = new SimDatanodes(4, ['dn1']);
    await sim.run(async () => {
      const { store } = sim.node('dn1');
      await writeBlock(store, 1, 10, 7);
      sim.namenode.order('dn1', { id: 3, delete: { blocks: [block(1, 6, 10), block(2, 1, 1)] } });
      await sim.eventually(() => sim.namenode.done.includes(3));
      expect(store.replica(1)).toMatchObject({ generationStamp: 7 });
      expect(sim.namenode.events).toEqual([]);
    });
  });

  it('does not follow a namenode of an older epoch', async () => {
    const sim = new SimDatanodes(5, ['dn1']);
    await sim.run(async () => {
      const { store } = sim.node('dn1');
      await writeBlock(store, 1, 10);
      sim.namenode.epoch = 4;
      await sim.eventually(() => sim.namenode.heartbeats.length >= 2);
      sim.namenode.epoch = 3;
      sim.namenode.order('dn1', { id: 3, delete: { blocks: [block(1, 1, 10)] } });
      await sim.sleep(5_000);
      expect(store.replica(1)).toBeDefined();
      sim.world.crash('dn1');
      await sim.world.start('dn1');
      expect(sim.namenode.registrations.at(-1)).toMatchObject({ highestEpoch: 4, highestTxid: 10 });
    });
  });

  it('copies a block to another node, which reports it durable', async () => {
    const sim = new SimDatanodes(6, ['dn1', 'dn2']);
    await sim.run(async () => {
      await writeBlock(sim.node('dn1').store, 8, 300_001);
      const target = { id: 'dn2', dataAddress: 'dn2:9866' };
      sim.namenode.order('dn1', { id: 9, copy: { block: block(8, 1, 300_001), targets: [target] } });
      await sim.eventually(() => sim.namenode.done.includes(9));
      const copy = await readBytes(sim.node('dn2').store, 8, 0, 300_001);
      const original = await readBytes(sim.node('dn1').store, 8, 0, 300_001);
      expect(copy.data.equals(original.data)).toBe(true);
      expect(sim.namenode.events).toEqual(['2.1 RECEIVED 8@1/300001!']);
    });
  });

  it('says when a replica verifies, does not, or is not there', async () => {
    const sim = new SimDatanodes(7, ['dn1']);
    await sim.run(async () => {
      await writeBlock(sim.node('dn1').store, 1, 5000);
      sim.namenode.order('dn1', { id: 1, verify: { block: block(1, 1, 5000) } });
      sim.namenode.order('dn1', { id: 2, verify: { block: block(2, 1, 7) } });
      await sim.eventually(() => sim.namenode.events.length === 2);
      expect(sim.namenode.events.toSorted()).toEqual(['1.1 DELETED 2@1/7', '1.1 VERIFIED 1@1/5000!']);
    });
  });

  it('has what it had after a crash, unfinished replicas as RWR', async () => {
    const sim = new SimDatanodes(8, ['dn1']);
    await sim.run(async () => {
      const { store } = sim.node('dn1');
      await writeBlock(store, 1, 70_000);
      await store.create(2, 1, 'RBW');
      await writeBytes(store, { blockId: 2, stamp: 1 }, { fromBytes: 0, toBytes: 70_000 });
      await store.sync(2, 1);
      sim.world.crash('dn1');
      await sim.world.start('dn1');
      await sim.eventually(() => sim.namenode.reports.length === 2);
      expect(sim.namenode.registrations.at(-1)).toMatchObject({ clusterId: 'cluster-1' });
      expect(sim.namenode.reports.at(-1)?.replicas).toMatchObject([
        { block: block(1, 1, 70_000), state: 'FINALIZED', durable: true },
        { block: block(2, 1, 70_000), state: 'RWR' },
      ]);
    });
  });

  it('closes a block whose writer is gone, as the primary of its recovery', async () => {
    const sim = new SimDatanodes(9, ['dn1', 'dn2', 'dn3']);
    await sim.run(async () => {
      const lengths = { dn1: 5000, dn2: 4000, dn3: 4096 };
      for (const [name, lengthBytes] of Object.entries(lengths)) {
        const { store } = sim.node(name);
        await store.create(1, 1, 'RBW');
        await writeBytes(store, { blockId: 1, stamp: 1 }, { fromBytes: 0, toBytes: lengthBytes });
      }
      sim.world.crash('dn3');
      const replicas = ['dn1', 'dn2', 'dn3'].map((id) => ({ id, rpcAddress: `${id}:9868` }));
      sim.namenode.order('dn1', { id: 1, recover: { block: block(1, 1, 100), recoveryStamp: 9, replicas } });
      await sim.eventually(() => sim.namenode.commits.length === 1);
      expect(sim.namenode.commits[0]).toMatchObject({
        nodeId: 'dn1',
        recoveryStamp: 9,
        lengthBytes: 4000,
        nodeIds: ['dn1', 'dn2'],
      });
      for (const name of ['dn1', 'dn2']) {
        expect(sim.node(name).store.replica(1)).toMatchObject({
          state: 'FINALIZED',
          generationStamp: 9,
          lengthBytes: 4000,
        });
      }
    });
  });

  it('refuses to start for another cluster, says why, and leaves the directory as it is', async () => {
    const sim = new SimDatanodes(10, ['dn1']);
    await sim.run(async () => {
      sim.world.crash('dn1');
      sim.namenode.clusterId = 'cluster-2';
      await expect(sim.world.start('dn1')).rejects.toMatchObject({
        code: 'WRONG_CLUSTER',
        message: expect.stringContaining('belongs to cluster cluster-1'),
      });
      sim.namenode.clusterId = 'cluster-1';
      sim.namenode.refuseWith = new QuarryError('WRONG_CLUSTER', 'not yours');
      await expect(sim.world.start('dn1')).rejects.toMatchObject({ code: 'WRONG_CLUSTER' });
      sim.namenode.refuseWith = undefined;
      await sim.world.start('dn1');
    });
  });
});
