import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { FakeCluster } from './fake-cluster.ts';

describe('FileWriter', () => {
  it('cuts blocks at the block size and where it is told to', async () => {
    const cluster = new FakeCluster();
    const fs = await cluster.connect();
    const content = randomBytes(10_000);
    const writer = await fs.create('/a');
    for (let at = 0; at < 5_000; at += 37) await writer.write(content.subarray(at, Math.min(5_000, at + 37)));
    await writer.endBlock();
    await writer.endBlock();
    await writer.write(content.subarray(5_000));
    expect(await writer.close()).toEqual({ lengthBytes: 10_000, durableReplicas: 3 });
    expect(cluster.files.get('/a')!.blocks.map((block) => block.lengthBytes)).toEqual([4096, 904, 4096, 904]);
    expect(cluster.content('/a').equals(content)).toBe(true);
  });

  it('counts replicas that acknowledged as durable before the namenode has heard of them', async () => {
    const cluster = new FakeCluster();
    cluster.heardDurable = 2;
    const fs = await cluster.connect();
    expect(await fs.writeFile('/whole', randomBytes(9_000))).toMatchObject({ durableReplicas: 3 });
    cluster.datanode('dn2').failsAtBytes = 500;
    expect(await fs.writeFile('/one-lost', randomBytes(9_000))).toMatchObject({ durableReplicas: 2 });
  });

  it('does the calls in order when the caller does not wait', async () => {
    const cluster = new FakeCluster();
    const fs = await cluster.connect();
    const writer = await fs.create('/a');
    const pieces = Array.from({ length: 50 }, () => randomBytes(333));
    const writes = pieces.map((piece) => writer.write(piece));
    await writer.close();
    await Promise.all(writes);
    expect(cluster.content('/a').equals(Buffer.concat(pieces))).toBe(true);
  });

  it('writes an empty file without a block', async () => {
    const cluster = new FakeCluster();
    const fs = await cluster.connect();
    await fs.writeFile('/empty', '');
    expect(cluster.named('AddBlock')).toHaveLength(0);
    expect(cluster.files.get('/empty')!.complete).toBe(true);
  });

  it('goes on with the survivors as a star when a datanode breaks in the stream', async () => {
    const cluster = new FakeCluster();
    cluster.datanode('dn2').failsAtBytes = 2_000;
    const fs = await cluster.connect();
    const content = randomBytes(4_000);
    expect(await fs.writeFile('/a', content)).toEqual({ lengthBytes: 4_000, durableReplicas: 2 });
    expect(cluster.content('/a').equals(content)).toBe(true);
    expect(cluster.files.get('/a')!.blocks[0]!.nodes).toEqual(['dn1', 'dn3']);
    expect(cluster.datanode('dn1').opened).toEqual(['create 3', 'streaming-recovery 1']);
    const [update] = cluster.named('UpdatePipeline') as unknown as [
      { oldBlock: { generationStamp: number }; newBlock: { generationStamp: number } },
    ];
    expect(update.newBlock.generationStamp).toBeGreaterThan(update.oldBlock.generationStamp);
  });

  it('survives a second failure while it recovers from the first', async () => {
    const cluster = new FakeCluster();
    cluster.datanode('dn1').failsAtBytes = 1_000;
    cluster.datanode('dn3').failsAtBytes = 2_500;
    const fs = await cluster.connect();
    const content = randomBytes(4_000);
    expect(await fs.writeFile('/a', content)).toMatchObject({ durableReplicas: 1 });
    expect(cluster.content('/a').equals(content)).toBe(true);
  });

  it('brings another datanode in when one replica is left', async () => {
    const cluster = new FakeCluster(4);
    cluster.datanode('dn1').failsAtBytes = 1_000;
    cluster.datanode('dn3').failsAtBytes = 2_500;
    const fs = await cluster.connect();
    const content = randomBytes(4_000);
    expect(await fs.writeFile('/a', content)).toMatchObject({ durableReplicas: 2 });
    expect(cluster.files.get('/a')!.blocks[0]!.nodes).toEqual(['dn2', 'dn4']);
    expect(cluster.content('/a').equals(content)).toBe(true);
  });

  it('fails with every reason when no datanode is left, and takes the file away', async () => {
    const cluster = new FakeCluster();
    for (const node of cluster.datanodes) node.failsAtBytes = 1_000;
    const fs = await cluster.connect();
    const failure = await fs.writeFile('/a', randomBytes(4_000)).catch((thrown: unknown) => thrown);
    expect(failure).toMatchObject({ code: 'PIPELINE_FAILED' });
    for (const id of ['dn1', 'dn2', 'dn3']) expect((failure as Error).message).toContain(`${id} broke`);
    expect(cluster.files.has('/a')).toBe(false);
  });

  it('closes the survivors under a new stamp when a datanode is silent at the end', async () => {
    const cluster = new FakeCluster();
    cluster.datanode('dn3').failsToFinish = true;
    const fs = await cluster.connect();
    const content = randomBytes(1_000);
    expect(await fs.writeFile('/a', content)).toMatchObject({ durableReplicas: 2 });
    expect(cluster.datanode('dn1').opened).toEqual(['create 3', 'close-recovery 1']);
    const [block] = cluster.files.get('/a')!.blocks;
    for (const id of ['dn1', 'dn2']) {
      expect(cluster.datanode(id).replica(block!.blockId)).toMatchObject({
        finalized: true,
        stamp: block!.stamp,
      });
    }
    expect(cluster.datanode('dn3').replica(block!.blockId).stamp).toBeLessThan(block!.stamp);
  });

  it('abandons a block that cannot be opened and places one without that node', async () => {
    const cluster = new FakeCluster(4);
    cluster.datanode('dn2').refuses = 'PIPELINE_FAILED';
    const fs = await cluster.connect();
    await fs.writeFile('/a', randomBytes(1_000));
    expect(cluster.named('AbandonBlock')).toHaveLength(1);
    expect(cluster.files.get('/a')!.blocks[0]!.nodes).toEqual(['dn1', 'dn3', 'dn4']);
    // The next file does not have to find out again.
    await fs.writeFile('/b', randomBytes(1_000));
    expect(cluster.datanode('dn2').opened).toHaveLength(1);
    expect(cluster.files.get('/b')!.blocks[0]!.nodes).not.toContain('dn2');
  });

  it('says that there is no space when that is why no datanode takes the block', async () => {
    const cluster = new FakeCluster();
    for (const node of cluster.datanodes) node.refuses = 'NO_SPACE';
    const fs = await cluster.connect();
    await expect(fs.writeFile('/a', 'x')).rejects.toMatchObject({ code: 'NO_SPACE' });
    expect(cluster.files.size).toBe(0);
  });

  it('tries a suspect node again when there is no other', async () => {
    const cluster = new FakeCluster(1);
    cluster.datanode('dn1').failsAtBytes = 10;
    const fs = await cluster.connect({ 'client.replication': '1' });
    await expect(fs.writeFile('/a', randomBytes(1_000))).rejects.toMatchObject({ code: 'PIPELINE_FAILED' });
    cluster.datanode('dn1').failsAtBytes = Infinity;
    await fs.writeFile('/b', randomBytes(1_000));
    expect(cluster.files.get('/b')!.complete).toBe(true);
  });

  it('rather writes to a suspect node than one replica alone', async () => {
    const cluster = new FakeCluster(3);
    const fs = await cluster.connect();
    for (const id of ['dn1', 'dn2']) {
      cluster.datanode(id).failsAtBytes = 10;
      await fs.writeFile(`/${id}`, randomBytes(1_000));
      cluster.datanode(id).failsAtBytes = Infinity;
    }
    expect(await fs.writeFile('/c', randomBytes(1_000))).toMatchObject({ durableReplicas: 3 });
  });

  it('keeps failing with its first error', async () => {
    const cluster = new FakeCluster(1);
    cluster.datanode('dn1').failsAtBytes = 10;
    const fs = await cluster.connect();
    const writer = await fs.create('/a');
    await writer.write(randomBytes(100));
    await expect(writer.hflush()).rejects.toMatchObject({ code: 'PIPELINE_FAILED' });
    await expect(writer.write(randomBytes(1))).rejects.toMatchObject({ code: 'PIPELINE_FAILED' });
    await expect(writer.close()).rejects.toMatchObject({ code: 'PIPELINE_FAILED' });
    await writer.abort();
    await writer.abort();
    expect(cluster.files.has('/a')).toBe(false);
  });

  it('tells the namenode the length that hsync made durable', async () => {
    const cluster = new FakeCluster();
    const fs = await cluster.connect();
    const writer = await fs.create('/a');
    await writer.write(randomBytes(4_096 + 100));
    await writer.hsync();
    expect(cluster.named('Fsync')).toMatchObject([{ lastBlockLengthBytes: 100 }]);
    await writer.close();
  });

  it('does not delete a file that another client has put in its place', async () => {
    const cluster = new FakeCluster();
    const fs = await cluster.connect();
    const writer = await fs.create('/a');
    await (await fs.create('/a', { overwrite: true })).close();
    await writer.abort();
    expect(cluster.files.get('/a')!.complete).toBe(true);
  });
});

describe('streams', () => {
  it('carry a file through Node streams with back-pressure', async () => {
    const cluster = new FakeCluster();
    const fs = await cluster.connect();
    const content = randomBytes(20_000);
    const target = await fs.createWriteStream('/a');
    const { pipeline } = await import('node:stream/promises');
    const { Readable } = await import('node:stream');
    await pipeline(Readable.from([content.subarray(0, 7_000), content.subarray(7_000)]), target);
    expect(target.closedFile).toEqual({ lengthBytes: 20_000, durableReplicas: 3 });
    const pieces: Buffer[] = [];
    for await (const piece of await fs.createReadStream('/a', { offset: 4_000, length: 9_000 }))
      pieces.push(piece as Buffer);
    expect(Buffer.concat(pieces).equals(content.subarray(4_000, 13_000))).toBe(true);
  });

  it('take the unfinished file away when the source fails', async () => {
    const cluster = new FakeCluster();
    const fs = await cluster.connect();
    const { pipeline } = await import('node:stream/promises');
    const source = (async function* () {
      yield Buffer.from('some');
      throw new Error('the source broke');
    })();
    await expect(pipeline(source, await fs.createWriteStream('/a'))).rejects.toThrow('the source broke');
    expect(cluster.files.has('/a')).toBe(false);
  });
});
