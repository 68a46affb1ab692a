import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import type { FileSystem } from '../../../../client/fs/file-system.ts';
import { FakeCluster } from './fake-cluster.ts';

describe('FileReader', () => {
  const content = randomBytes(10_000);
  let cluster: FakeCluster;
  let fs: FileSystem;

  beforeEach(async () => {
    cluster = new FakeCluster();
    fs = await cluster.connect();
    await fs.writeFile('/a', content);
    for (const node of cluster.datanodes) node.opened.length = 0;
  });

  it('reads whole files and ranges across blocks', async () => {
    expect((await fs.readFile('/a')).equals(content)).toBe(true);
    expect((await fs.read('/a', 4_000, 5_000)).equals(content.subarray(4_000, 9_000))).toBe(true);
    expect((await fs.read('/a', 9_990, 5_000)).equals(content.subarray(9_990))).toBe(true);
    expect(await fs.read('/a', 10_000, 1)).toHaveLength(0);
    expect(await fs.read('/a', 20_000, 10)).toHaveLength(0);
    await expect(fs.read('/a', -1, 10)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(fs.read('/nowhere', 0, 10)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  });

  it('goes on at the same byte with the next replica', async () => {
    cluster.datanode('dn1').readsBytes = 1_500;
    expect((await fs.read('/a', 0, 4_096)).equals(content.subarray(0, 4_096))).toBe(true);
    expect(cluster.badBlocks).toEqual([]);
    // Suspect after its first failure, it is not asked for the later blocks.
    expect((await fs.readFile('/a')).equals(content)).toBe(true);
    expect(cluster.datanode('dn1').opened).toHaveLength(1);
  });

  it('reports a replica whose bytes are wrong', async () => {
    cluster.datanode('dn1').readsBytes = 500;
    cluster.datanode('dn1').readFailure = 'BLOCK_CORRUPT';
    expect((await fs.read('/a', 0, 4_000)).equals(content.subarray(0, 4_000))).toBe(true);
    expect(cluster.badBlocks).toEqual(['dn1']);
  });

  it('asks for the locations again for a while, then says why no replica could be read', async () => {
    const impatient = await cluster.connect({ 'client.replicaWaitMs': '600' });
    for (const node of cluster.datanodes) node.refuses = 'PEER_UNREACHABLE';
    const failure = await impatient.read('/a', 0, 100).catch((thrown: unknown) => thrown);
    expect(failure).toMatchObject({ code: 'BLOCK_UNAVAILABLE' });
    for (const id of ['dn1', 'dn2', 'dn3']) expect((failure as Error).message).toContain(id);
    expect(cluster.named('GetBlockLocations').length).toBeGreaterThan(2);
  });

  it('waits for datanodes that are starting again', async () => {
    for (const node of cluster.datanodes) node.refuses = 'PEER_UNREACHABLE';
    const read = fs.read('/a', 0, 100);
    setTimeout(() => {
      cluster.datanode('dn3').refuses = undefined;
    }, 600);
    expect((await read).equals(content.subarray(0, 100))).toBe(true);
  });

  it('does not wait when every replica is damaged', async () => {
    for (const node of cluster.datanodes) node.refuses = 'BLOCK_CORRUPT';
    await expect(fs.read('/a', 0, 100)).rejects.toMatchObject({ code: 'BLOCK_UNAVAILABLE' });
    expect(cluster.named('GetBlockLocations')).toHaveLength(2);
  });

  it('finds a replica that was moved while the file was open', async () => {
    const reader = await fs.open('/a', { length: 4_096 });
    const block = cluster.files.get('/a')!.blocks[0]!;
    const bytes = cluster.datanode('dn1').replica(block.blockId);
    for (const node of cluster.datanodes) node.refuses = 'BLOCK_NOT_FOUND';
    const moved = new FakeCluster(5).datanode('dn5');
    cluster.datanodes.push(moved);
    moved.replicas.set(block.blockId, bytes);
    block.nodes = ['dn5'];
    const first = await reader.read();
    expect(first!.equals(content.subarray(0, first!.length))).toBe(true);
    reader.close();
  });

  it('takes the socket of its own node only', async () => {
    const local = await cluster.connect({}, 'dn2');
    await local.read('/a', 0, 10);
    expect(cluster.datanode('dn1').opened).toEqual(['read dn1:9866']);
    cluster.datanode('dn1').refuses = 'PEER_UNREACHABLE';
    await local.read('/a', 0, 10);
    expect(cluster.datanode('dn2').opened).toEqual(['read unix:/run/dn2.sock']);
  });

  describe('of a block of many stretches', () => {
    const MiB = 1024 * 1024;
    const large = randomBytes(32 * MiB);
    const settings = { 'client.packetBytes': String(MiB) };
    const reads = (id: string) => cluster.datanode(id).opened.length;

    beforeEach(async () => {
      cluster.pieceBytes = 256 * 1024;
      fs = await cluster.connect(settings);
      await fs.writeFile('/large', large, { blockSizeBytes: 24 * MiB });
      for (const node of cluster.datanodes) node.opened.length = 0;
    });

    it('takes turns between two replicas, and keeps the order', async () => {
      expect((await fs.readFile('/large')).equals(large)).toBe(true);
      expect(reads('dn1')).toBe(4);
      expect(reads('dn2')).toBe(4);
      expect(reads('dn3')).toBe(0);
    });

    it('asks for no more ahead than its window, and for nothing before its second read', async () => {
      const reader = await fs.open('/large');
      await reader.read();
      expect(reads('dn1') + reads('dn2')).toBe(1);
      await reader.read();
      await new Promise((resolve) => setImmediate(resolve));
      expect(reads('dn1') + reads('dn2')).toBe(3);
      reader.close();
      expect(await reader.read()).toBeUndefined();
    });

    it('reads from its own node alone', async () => {
      const local = await cluster.connect(settings, 'dn1');
      expect((await local.readFile('/large')).equals(large)).toBe(true);
      expect([reads('dn1'), reads('dn2')]).toEqual([8, 0]);
    });

    it('asks a replica that failed in one stretch last in the next ones', async () => {
      cluster.datanode('dn2').readFailure = 'BLOCK_CORRUPT';
      cluster.datanode('dn2').readsBytes = 5 * MiB;
      expect((await fs.readFile('/large')).equals(large)).toBe(true);
      expect(cluster.badBlocks).toEqual(['dn2', 'dn2']);
      expect(reads('dn2')).toBeLessThanOrEqual(3);
    });
  });

  it('can be left in the middle', async () => {
    let seen = 0;
    for await (const data of await fs.open('/a')) {
      seen += data.length;
      if (seen > 1_000) break;
    }
    expect(seen).toBeLessThan(2_000);
  });
});
