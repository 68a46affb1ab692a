import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SystemRandom } from '../../../../common/seams/random.ts';
import { SystemDisk } from '../../../../common/seams/system-disk.ts';
import { applyRetention } from '../../../../services/log/retention.ts';
import { openLogStore } from '../../../../services/log/open-store.ts';
import { batchOf, openService } from './log-harness.ts';

const MiB = 1024 * 1024;

describe('the log on disk', () => {
  let directory: string;
  let disk: SystemDisk;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'quarry-log-'));
    disk = new SystemDisk(directory);
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('is made once, and is not made again where it has vanished', async () => {
    const first = await openLogStore(disk, new SystemRandom(), MiB);
    await expect(openLogStore(disk, new SystemRandom(), MiB)).rejects.toMatchObject({
      code: 'STORAGE_IN_USE',
    });
    await first.store.close();
    const second = await openLogStore(disk, new SystemRandom(), MiB);
    expect(second.logId).toBe(first.logId);
    await second.store.close();
    await rm(join(directory, 'log'), { recursive: true });
    await expect(openLogStore(disk, new SystemRandom(), MiB)).rejects.toMatchObject({
      code: 'NOT_FORMATTED',
    });
  });

  it('gives space back when retention has deleted', async () => {
    const { store } = await openLogStore(disk, new SystemRandom(), 4 * MiB);
    const service = await openService(store);
    await service.run({ kind: 'create', topic: 't', spec: { partitions: 1, retentionBytes: 8 * MiB } });
    for (let sequence = 1; sequence <= 100; sequence++) {
      const batches = [batchOf('t', [[null, 'x'.repeat(MiB), 1]])];
      await service.run({ kind: 'append', producer: 'p', sequence, batches });
    }
    const topic = service.state.topics.get('t')!;
    const freed = await applyRetention(service, { topic, number: 0, partition: topic.partitions[0]! }, 2_000);
    expect(freed).toBeGreaterThan(90 * MiB);
    const db = store.db as unknown as {
      approximateSize(from: Buffer, to: Buffer, options: object): Promise<number>;
    };
    const size = await db.approximateSize(Buffer.from('B'), Buffer.from('C'), { keyEncoding: 'buffer' });
    expect(size).toBeLessThan(24 * MiB);
    await service.close();
  });
});
