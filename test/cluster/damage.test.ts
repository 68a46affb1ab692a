import { open, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { globSync } from 'tinyglobby';
import { afterEach, describe, expect, it } from 'vitest';
import { QuarrySession } from '../../client/session.ts';
import { FileSystem } from '../../client/fs/file-system.ts';
import { resolveConfig } from '../../common/config.ts';
import { silentLog } from '../../common/log.ts';
import { systemSeams } from '../../common/seams/system.ts';
import { eventually } from './eventually.ts';
import { quarry } from './quarry.ts';
import { salesYear } from './sales-year.ts';
import { expectWhole, mebibyte } from './self-describing.ts';
import { startTestCluster, type TestCluster } from './test-cluster.ts';

let cluster: TestCluster | undefined;
let fs: FileSystem | undefined;

afterEach(async () => {
  await fs?.close();
  await cluster?.stop();
  fs = undefined;
  cluster = undefined;
});

/** The biggest table file under a directory: where a flushed chunk lies. */
async function biggestTable(directory: string): Promise<{ path: string; bytes: number }> {
  const names = await readdir(directory, { recursive: true });
  const tables = await Promise.all(
    names
      .filter((name) => name.endsWith('.ldb'))
      .map(async (name) => ({
        path: join(directory, name),
        bytes: (await stat(join(directory, name))).size,
      })),
  );
  return tables.toSorted((a, b) => b.bytes - a.bytes)[0] ?? { path: '', bytes: 0 };
}

async function flipBit(path: string, at: number): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, at);
    byte[0]! ^= 1;
    await file.write(byte, 0, 1, at);
  } finally {
    await file.close();
  }
}

/** Corrupt replicas that a datanode has reported since it started. */
async function corruptReported(http: string): Promise<number> {
  const text = await (await fetch(`${http}/metrics`)).text();
  return [...text.matchAll(/^\S*corrupt\S* (\d+)$/gim)].reduce((sum, match) => sum + Number(match[1]), 0);
}

describe('a flipped bit on one disk', () => {
  it('is found by the scrubber, and the block is healed', async () => {
    cluster = await startTestCluster({
      settings: { 'datanode.scrubIntervalMs': '2000', 'datanode.scrubBytesPerSecond': '0' },
    });
    fs = await FileSystem.connect({
      namenodeAddress: cluster.file().namenode.grpc,
      config: resolveConfig(),
      seams: systemSeams(cluster.directory, silentLog()),
    });
    const writer = await fs.create('/scrubbed');
    for (let i = 0; i < 8; i++) await writer.write(mebibyte(5, i));
    expect((await writer.close()).durableReplicas).toBe(3);
    const directory = join(cluster.directory, 'dn2');
    // The store flushes its memory some seconds after the last write; before that the disk is not what is read.
    const table = await eventually(
      () => biggestTable(directory),
      ({ bytes }) => bytes > 1024 * 1024,
      30_000,
    );
    await flipBit(table.path, Math.floor(table.bytes / 2));
    const { http } = cluster.file().datanodes.find(({ id }) => id === 'dn2')!;
    await eventually(
      () => corruptReported(http!),
      (count) => count > 0,
      30_000,
    );
    const healed = await eventually(
      () => fs!.fsck('/'),
      (report) => report.corrupt === 0 && report.underReplicated === 0 && report.overReplicated === 0,
      30_000,
    );
    expect(healed.missing).toBe(0);
    await expectWhole(fs, '/scrubbed', 5, 8);
  });
});

/** Waits for the first map output after `known`, and flips a bit in its middle. */
async function damageMapOutput(directory: string, known: ReadonlySet<string>): Promise<void> {
  for (;;) {
    const fresh = shuffleFiles(directory).find((name) => !known.has(name));
    if (fresh !== undefined) {
      const path = join(directory, fresh);
      return flipBit(path, (await stat(path)).size >> 1);
    }
    await sleep(2);
  }
}

function shuffleFiles(directory: string): string[] {
  return globSync('**/shuffle/*/s*-m*', { cwd: directory }).filter((name) => !name.includes('.tmp'));
}

describe('a flipped bit in a file of a SQL shuffle', () => {
  it('is found by the readers: the map task runs again, and the rows are the same', async () => {
    cluster = await startTestCluster({
      settings: { 'client.blockSizeBytes': String(1024 * 1024), 'driver.singleTaskMaxBytes': '0' },
    });
    const { directory } = cluster;
    const { transactions } = salesYear();
    expect(await quarry(['ingest', transactions, '/data/year'], { QUARRY_CLUSTER: directory })).toMatchObject(
      { code: 0 },
    );
    const session = await QuarrySession.connect({ cluster: directory });
    try {
      const query = () =>
        session
          .sql(
            'SELECT product_id, sum(quantity) AS quantity, count(*) AS baskets FROM parquet.`/data/year` GROUP BY product_id ORDER BY baskets DESC, product_id LIMIT 500',
          )
          .collect();
      const expected = await query();
      expect(expected).toHaveLength(500);
      const known = new Set(shuffleFiles(directory));
      const [rows] = await Promise.all([query(), damageMapOutput(directory, known)]);
      expect(rows).toEqual(expected);
      const api = `${cluster.file().driver.http}/api/jobs`;
      const [{ jobId }] = (await (await fetch(api)).json()) as [{ jobId: string }];
      const job = (await (await fetch(`${api}/${jobId}`)).json()) as { events: { event: string }[] };
      expect(job.events.map(({ event }) => event)).toContain('shuffle.lost');
    } finally {
      await session.stop();
    }
  });
});

describe('a cluster that cannot take a block', () => {
  it('says NO_SPACE or NOT_ENOUGH_DATANODES, and keeps nothing of the file', async () => {
    cluster = await startTestCluster({
      nodes: 1,
      settings: { 'client.rpcTimeoutMs': '3000', 'datanode.reserveShare': '0.9999' },
    });
    const run = (...args: string[]) => quarry(args, { QUARRY_CLUSTER: cluster!.directory });
    await writeFile(join(cluster.directory, 'local'), 'x'.repeat(1000));
    const put = () => run('fs', 'put', join(cluster!.directory, 'local'), '/x');
    const full = await put();
    expect(full.code).toBe(1);
    expect(full.stderr).toMatch(/^quarry: NO_SPACE: [^\n]*\n$/);
    cluster.signal('dn1', { role: 'datanode', signal: 'SIGKILL' });
    const alone = await put();
    expect(alone.code).toBe(1);
    expect(alone.stderr).toMatch(/^quarry: NOT_ENOUGH_DATANODES: [^\n]*\n$/);
    expect((await run('fs', 'ls', '-C', '/')).stdout).toBe('');
  });
});
