import { describe, expect, it } from 'vitest';
import { QuarryError } from '../../../../common/quarry-error.ts';
import { FakeCluster } from './fake-cluster.ts';

const callIds = (cluster: FakeCluster, name: string) =>
  cluster.named(name).map((request) => (request['caller'] as { callId: number }).callId);

describe('NamenodeClient', () => {
  it('sends a call again under the same id until the namenode is back', async () => {
    const cluster = new FakeCluster();
    const codes = ['PEER_UNREACHABLE', 'DEADLINE', 'SAFE_MODE'] as const;
    cluster.beforeCall = (_name, attempt) => {
      const code = codes[attempt - 1];
      if (code !== undefined) throw new QuarryError(code, 'not now');
    };
    const fs = await cluster.connect();
    await fs.create('/a');
    const ids = callIds(cluster, 'Create');
    expect(ids).toHaveLength(4);
    expect(new Set(ids).size).toBe(1);
    await fs.create('/b');
    expect(callIds(cluster, 'Create').at(-1)).toBeGreaterThan(ids[0]!);
  });

  it('gives up after its time with what to do', async () => {
    const cluster = new FakeCluster();
    cluster.beforeCall = () => {
      throw new QuarryError('PEER_UNREACHABLE', 'refused');
    };
    const fs = await cluster.connect({ 'client.rpcTimeoutMs': '150' });
    const failure = await fs.stat('/a').catch((thrown: unknown) => thrown);
    expect(failure).toMatchObject({ code: 'PEER_UNREACHABLE' });
    expect((failure as Error).message).toMatch(
      /127\.0\.0\.1:9001 does not answer .*see that the cluster runs/,
    );
    expect(cluster.calls.length).toBeGreaterThan(2);
  });

  it('says that the cluster is in safe mode when it stays there', async () => {
    const cluster = new FakeCluster();
    cluster.beforeCall = () => {
      throw new QuarryError('SAFE_MODE', 'safe mode: 3 of 10 blocks reported');
    };
    const fs = await cluster.connect({ 'client.rpcTimeoutMs': '100' });
    await expect(fs.create('/a')).rejects.toMatchObject({
      code: 'SAFE_MODE',
      message: expect.stringContaining('3 of 10 blocks') as string,
    });
  });

  it('does not repeat what will not change', async () => {
    const cluster = new FakeCluster();
    const fs = await cluster.connect();
    await fs.writeFile('/a', 'x');
    await expect(fs.create('/a')).rejects.toMatchObject({ code: 'FILE_EXISTS' });
    expect(cluster.named('Create')).toHaveLength(2);
  });

  it('refuses bad paths without a call', async () => {
    const cluster = new FakeCluster();
    const fs = await cluster.connect();
    const bad = [
      '',
      'a',
      '/a/../b',
      '/a\0b',
      `/${'x'.repeat(256)}`,
      `/${'y/'.repeat(4_001)}`,
      'hdfs://elsewhere/a',
    ];
    for (const path of bad) await expect(fs.stat(path)).rejects.toMatchObject({ code: 'INVALID_PATH' });
    await expect(fs.stat('s3://bucket/a')).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    expect(cluster.calls).toHaveLength(0);
  });

  it('takes the paths of its own cluster with their authority', async () => {
    const cluster = new FakeCluster();
    const fs = await cluster.connect();
    await fs.writeFile('/a', 'x');
    for (const path of [
      'hdfs:///a',
      'hdfs://namenode/a',
      'hdfs://namenode:9000/a',
      'hdfs://localhost:9001/a',
      '//a/',
    ])
      expect((await fs.stat(path)).path).toBe('/a');
  });

  it('renews its lease while something is written, and not after', async () => {
    const cluster = new FakeCluster();
    const fs = await cluster.connect({ 'namenode.leaseSoftMs': '60' });
    const writer = await fs.create('/a');
    await new Promise((resolve) => setTimeout(resolve, 100));
    const during = cluster.named('RenewLease').length;
    expect(during).toBeGreaterThanOrEqual(2);
    await writer.close();
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(cluster.named('RenewLease').length).toBeLessThanOrEqual(during + 1);
  });
});
