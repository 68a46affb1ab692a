import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { globSync } from 'tinyglobby';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FileSystem } from '../../client/fs/file-system.ts';
import { QuarrySession } from '../../client/session.ts';
import { startTestCluster, type TestCluster } from './test-cluster.ts';

let cluster: TestCluster;
let session: QuarrySession;
let fs: FileSystem;

const LINES = Array.from(
  { length: 60_000 },
  (_, index) => `${index} ${['the', 'dog', 'é'][index % 3]} ${index % 7}`,
);

beforeAll(async () => {
  cluster = await startTestCluster({ settings: { 'client.blockSizeBytes': String(1024 * 1024) } });
  session = await QuarrySession.connect({
    cluster: cluster.directory,
    settings: { 'client.blockSizeBytes': String(1024 * 1024) },
  });
  fs = await session.fs;
  // 1.6 MB in blocks of 1 MiB: lines cross the border of two blocks.
  await fs.writeFile('/text/a.txt', `${LINES.join('\n').repeat(2)}\n`);
});

afterAll(async () => {
  await session?.stop();
  await cluster?.stop();
});

/** Waits for a map output of this stage, changes a byte of it and answers its name. */
async function damageMapOutput(stage: number): Promise<string> {
  const known = new Set(globSync(`**/shuffle/*/s${stage}-m*`, { cwd: cluster.directory }));
  for (;;) {
    const names = globSync(`**/shuffle/*/s${stage}-m*`, { cwd: cluster.directory });
    const fresh = names.find((name) => !known.has(name) && !name.includes('.tmp'));
    if (fresh !== undefined) {
      const path = join(cluster.directory, fresh);
      const bytes = await readFile(path);
      bytes[bytes.length >> 1]! ^= 1;
      await writeFile(path, bytes);
      return fresh;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe('RDDs on a cluster', () => {
  it('read every line of a file of several blocks once', async () => {
    const lines = session.rdd.textFile('/text');
    // Where the two copies meet, the last line of one and the first of the other are one line.
    expect(await lines.count()).toBe(2 * LINES.length - 1);
    expect(await session.rdd.textFile('/text', 9).count()).toBe(2 * LINES.length - 1);
    expect(await lines.take(2)).toEqual(LINES.slice(0, 2));
  });

  it('count words with what their functions are given', async () => {
    const stop = new Set(['the']);
    const counts = await session.rdd
      .textFile('/text', 4)
      .flatMap((line) => line.split(' ').slice(1, 2))
      .filter((word, { stop }) => !stop.has(word), { with: { stop } })
      .map((word) => [word, 1])
      .reduceByKey((left, right) => left + right)
      .sortBy(([word]) => word)
      .collect();
    expect(counts).toEqual([
      ['dog', 40_000],
      ['é', 40_000],
    ]);
  });

  it('group JSON lines, and read Parquet rows as DataFrames give them', async () => {
    const rows = Array.from({ length: 100 }, (_, id) => ({ id, kind: id % 3 }));
    await fs.writeFile('/json/a.jsonl', rows.map((row) => JSON.stringify(row)).join('\n'));
    const groups = session.rdd
      .jsonLines<{ id: number; kind: number }>('/json')
      .groupBy((row) => row.kind)
      .mapValues((group) => group.length)
      .sortBy(([kind]) => kind);
    expect(await groups.collect()).toEqual([
      [0, 34],
      [1, 33],
      [2, 33],
    ]);
    const frame = await session.createDataFrame(
      [
        { id: 1, price: '1.50', day: '2017-05-01', at: new Date(5), big: 2n ** 60n },
        { id: 2, price: null, day: null, at: null, big: 7 },
      ],
      'id INT, price DECIMAL(10,2), day DATE, at TIMESTAMP, big BIGINT',
    );
    await frame.write.partitionBy('id').parquet('/parquet');
    const fromRdd = await session.rdd.parquet('/parquet').collect();
    expect(fromRdd).toEqual(await session.read.parquet('/parquet').collect());
    expect(fromRdd).toHaveLength(2);
  });

  it('save files that appear at once, and do not overwrite unasked', async () => {
    const lines = session.rdd.textFile('/text').map((line) => line.toUpperCase());
    await lines.saveAsTextFile('/saved');
    expect(await session.rdd.textFile('/saved').count()).toBe(2 * LINES.length - 1);
    await expect(lines.saveAsTextFile('/saved')).rejects.toMatchObject({ code: 'FILE_EXISTS' });
    await session.rdd.parallelize(['only'], 1).saveAsTextFile('/saved', { overwrite: true });
    const names: string[] = [];
    for await (const entry of fs.list('/saved')) names.push(entry.path);
    expect(names).toEqual(['/saved/part-00000']);
    expect((await fs.readFile('/saved/part-00000')).toString()).toBe('only\n');
  });

  it('that fail say why, and leave nothing behind', async () => {
    const outer = 1;
    const lines = session.rdd.textFile('/text');
    const failing = lines.map((line): string => {
      throw new RangeError(`not ${line.slice(0, 1)}`);
    });
    await expect(failing.saveAsTextFile('/half')).rejects.toMatchObject({
      code: 'USER_CODE',
      message: expect.stringMatching(/^map .*RangeError: not \d/),
    });
    expect(await fs.exists('/half')).toBe(false);
    expect(() => lines.map((line) => line + outer)).toThrow(
      expect.objectContaining({ code: 'CAPTURED_VARIABLE' }),
    );
    await expect(session.rdd.textFile('/nowhere').count()).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  });

  it('end when they are interrupted, also in a loop without end', async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 500);
    const endless = session.rdd.parallelize([1]).map(() => {
      for (;;);
    });
    await expect(endless.collect({ signal: controller.signal })).rejects.toMatchObject({
      code: 'INTERRUPTED',
    });
    expect(await session.rdd.parallelize([1, 2]).collect()).toEqual([1, 2]);
  });

  it('make shuffled records again that the disk has changed', async () => {
    const pairs = session.rdd.parallelize(
      Array.from({ length: 300 }, (_, index) => [index % 30, `left ${index}`] as const),
      3,
    );
    // Its other side takes two seconds: time to damage what this side has written already.
    const slow = session.rdd.parallelize([3, 4], 1).map((key) => {
      const untilMs = Date.now() + 1_000;
      while (Date.now() < untilMs);
      return [key, 'right'] as const;
    });
    const joined = pairs.join(slow).sortBy(([key, [left]]) => [key, left]);
    const expected = await joined.collect();
    expect(expected).toHaveLength(20);
    const running = joined.collect();
    expect(await damageMapOutput(0)).toMatch(/s0-m\d-a0$/);
    expect(await running).toEqual(expected);
    const api = `${cluster.file().driver.http}/api/jobs`;
    const [{ jobId }] = (await (await fetch(api)).json()) as [{ jobId: string }];
    const job = (await (await fetch(`${api}/${jobId}`)).json()) as { events: { event: string }[] };
    expect(job.events.map(({ event }) => event)).toContain('shuffle.lost');
  });

  it('finish with the same rows when an executor dies under them', async () => {
    const counted = session.rdd
      .textFile('/text', 12)
      .map((line) => {
        let spin = 0;
        for (let turn = 0; turn < 2_000; turn++) spin += turn % 3;
        return [line.split(' ')[2], spin > 0 ? 1 : 0];
      })
      .reduceByKey((left, right) => left + right)
      .sortBy(([key]) => key);
    const expected = await counted.collect();
    const running = counted.collect();
    await new Promise((resolve) => setTimeout(resolve, 150));
    cluster.signal('dn2', { role: 'executor', signal: 'SIGKILL' });
    expect(await running).toEqual(expected);
  });
});
