import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FileSystem } from '../../client/fs/file-system.ts';
import { ingest } from '../../client/ingest/ingest.ts';
import { resolveConfig } from '../../common/config.ts';
import { silentLog } from '../../common/log.ts';
import { systemSeams } from '../../common/seams/system.ts';
import { startTestCluster, type TestCluster } from './test-cluster.ts';

const MIB = 1024 * 1024;

describe('the file system of a running cluster', () => {
  let cluster: TestCluster;
  let fs: FileSystem;
  let local: string;

  const connect = (hostLabel = '') =>
    FileSystem.connect({
      namenodeAddress: cluster.file().namenode.grpc,
      config: resolveConfig(),
      hostLabel,
      seams: systemSeams(cluster.directory, silentLog()),
    });

  beforeAll(async () => {
    cluster = await startTestCluster();
    fs = await connect();
    local = mkdtempSync(join(tmpdir(), 'quarry-fs-test-'));
  });
  afterAll(async () => {
    rmSync(local, { recursive: true });
    await fs.close();
    await cluster.stop();
  });

  it('gives back what was written, by ranges, over TCP and over the socket of its own node', async () => {
    const content = randomBytes(5 * MIB + 123);
    const closed = await fs.writeFile('/files/a', content, { blockSizeBytes: 2 * MIB });
    expect(closed.lengthBytes).toBe(content.length);
    expect(closed.durableReplicas).toBeGreaterThanOrEqual(2);
    const blocks = await fs.blockLocations('/files/a');
    expect(blocks.map(({ block }) => block!.lengthBytes)).toEqual([2 * MIB, 2 * MIB, MIB + 123]);
    for (const client of [fs, await connect('dn2')]) {
      expect((await client.readFile('/files/a')).equals(content)).toBe(true);
      for (const [offset, length] of [
        [0, 1],
        [511, 2],
        [2 * MIB - 3, 7],
        [MIB, 4 * MIB],
        [5 * MIB, 10 * MIB],
      ] as const) {
        const range = await client.read('/files/a', offset, length);
        expect(range.equals(content.subarray(offset, offset + length))).toBe(true);
      }
    }
  });

  it('shows to new readers what was flushed, before the file is closed', async () => {
    const content = randomBytes(300_000);
    const writer = await fs.create('/files/open');
    await writer.write(content.subarray(0, 100_001));
    await writer.hflush();
    expect((await fs.readFile('/files/open')).equals(content.subarray(0, 100_001))).toBe(true);
    await writer.write(content.subarray(100_001, 200_002));
    await writer.hsync();
    expect((await fs.readFile('/files/open')).equals(content.subarray(0, 200_002))).toBe(true);
    await writer.write(content.subarray(200_002));
    await writer.close();
    expect((await fs.readFile('/files/open')).equals(content)).toBe(true);
  });

  it('lists, renames, deletes and refuses as its documentation says', async () => {
    await fs.mkdir('/names/deep/er');
    await Promise.all(Array.from({ length: 5 }, (_, i) => fs.writeFile(`/names/f${i}`, `${i}`)));
    const listed = [];
    for await (const entry of fs.list('/names')) listed.push(entry.path);
    expect(listed).toEqual(['/names/deep', ...Array.from({ length: 5 }, (_, i) => `/names/f${i}`)]);
    expect((await fs.glob('/names/f[1-3]')).map(({ path }) => path)).toEqual([
      '/names/f1',
      '/names/f2',
      '/names/f3',
    ]);
    await expect(fs.writeFile('/names/f0', 'x')).rejects.toMatchObject({ code: 'FILE_EXISTS' });
    await expect(fs.readFile('/names/none')).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    await expect(fs.readFile('/names')).rejects.toMatchObject({ code: 'IS_A_DIRECTORY' });
    await expect(fs.delete('/names')).rejects.toMatchObject({ code: 'DIRECTORY_NOT_EMPTY' });
    await expect(fs.rename('/names/f0', '/names/f1')).rejects.toMatchObject({ code: 'FILE_EXISTS' });
    await fs.rename('/names/f0', '/names/f1', { overwrite: true });
    expect((await fs.readFile('/names/f1')).toString()).toBe('0');
    expect(await fs.delete('/names', { recursive: true })).toBe(true);
    expect(await fs.delete('/names', { recursive: true })).toBe(false);
    expect(await fs.exists('/names/deep')).toBe(false);
  });

  it('reads one version whole of a file that is replaced again and again', async () => {
    await fs.writeFile('/replaced/now', '0');
    let isOver = false;
    const reading = (async () => {
      const seen = new Set<string>();
      while (!isOver) seen.add((await fs.readFile('/replaced/now')).toString());
      return seen;
    })();
    for (let i = 1; i <= 20; i++) {
      await fs.writeFile(`/replaced/${i}`, `${i}`);
      await fs.rename(`/replaced/${i}`, '/replaced/now', { overwrite: true });
    }
    isOver = true;
    const seen = await reading;
    expect(seen.size).toBeGreaterThan(2);
    expect([...seen].every((text) => /^\d+$/.test(text))).toBe(true);
  });

  it('lists more entries than a page holds', async () => {
    const names = Array.from({ length: 2_100 }, (_, i) => `/many/${String(i).padStart(4, '0')}`);
    for (let at = 0; at < names.length; at += 100) {
      await Promise.all(names.slice(at, at + 100).map((name) => fs.mkdir(name)));
    }
    const listed = [];
    for await (const entry of fs.list('/many')) listed.push(entry.path);
    expect(listed).toEqual(names);
    expect(await fs.contentSummary('/many')).toMatchObject({ fileCount: 0, directoryCount: 2_101 });
  });

  it('takes a file away whose writer gave up', async () => {
    const writer = await fs.create('/files/half');
    await writer.write(randomBytes(MIB));
    await writer.abort();
    expect(await fs.exists('/files/half')).toBe(false);
  });

  it('ingests into one folder a day, in one step', async () => {
    const source = join(local, 'sales.csv');
    const rows = Array.from({ length: 40 * 24 }, (_, hour) => {
      const at = new Date(Date.UTC(2017, 0, 1, hour)).toISOString();
      return `${at},${hour % 7},${hour / 4}\n`;
    });
    writeFileSync(source, `at,product,amount\n${rows.join('')}`);
    const report = await ingest({
      fs,
      sources: [source],
      destination: '/sales',
      partitionBy: { date: 'at' },
      layout: '{date}/',
    });
    expect(report).toMatchObject({ rows: 960 });
    expect(report.files).toHaveLength(40);
    expect((await fs.glob('/sales/2017-01-0*/*.parquet')).map(({ path }) => path)).toEqual(
      report.files.slice(0, 9),
    );
    expect(await fs.contentSummary('/sales')).toMatchObject({ fileCount: 40 });
    const again = ingest({ fs, sources: [join(local, 'none.csv')], destination: '/nothing' });
    await expect(again).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    expect(await fs.exists('/nothing')).toBe(false);
  });

  it('leaves every block with all its replicas', async () => {
    const found = await fs.fsck('/');
    expect(found).toMatchObject({ missing: 0, corrupt: 0, underReplicated: 0, overReplicated: 0 });
  });
});
