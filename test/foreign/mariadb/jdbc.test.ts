import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { QuarrySession } from '../../../client/session.ts';
import { startTestCluster, type TestCluster } from '../../cluster/test-cluster.ts';
import { startViews } from '../../conformance/sinks/views-process.ts';
import { type MariadbServer, ROOT_PASSWORD, startMariadbServer } from '../../services/mariadb-server.ts';
import { runPythonJson } from '../pyspark/python.ts';

let cluster: TestCluster;
let mariadb: MariadbServer;
let views: Awaited<ReturnType<typeof startViews>>;

beforeAll(async () => {
  cluster = await startTestCluster();
  mariadb = await startMariadbServer();
  views = await startViews();
});
afterAll(async () => {
  await cluster?.stop();
  await mariadb?.stop();
  await views?.dispose();
});

const stores = {
  MariaDB: () => [mariadb.url, 'root', ROOT_PASSWORD],
  'services/views': () => [`jdbc:quarry://${views.address}/quarry`, 'nobody', 'geheim'],
};

describe.each(Object.entries(stores))('PySpark with tables in %s', (_, store) => {
  it('writes, reads, replaces, and counts a retried run once', async () => {
    const [url, user, password] = store();
    const connect = cluster.file().driver.connect;
    const out = await runPythonJson<Record<string, unknown>>('tables.py', [connect, url!, user!, password!]);
    expect(out).toMatchObject({
      types: [
        'id bigint',
        'name string',
        'ok boolean',
        'paid decimal(12,2)',
        'score double',
        'day date',
        'at timestamp',
        'raw binary',
      ],
      same: true,
      appended: 3,
      predicates: 3,
      joined: 3,
      truncated: [1, 8],
      retried: [
        [1, 2],
        [1, 2],
      ],
      otherRun: [
        [1, 2, 2, 3],
        [2, 3],
      ],
      many: [200_000, 19_999_900_000],
    });
    expect(out['exists']).toContain('TABLE_OR_VIEW_ALREADY_EXISTS');
    expect(out['wide']).toContain('array<bigint>');
    expect(out['noColumn']).toContain('no column extra');
    expect(out['noUrl']).toContain('option url');
    expect(out['noTable']).toContain('no_such_table');
    expect(out['refused']).toContain('127.0.0.1:1');
    expect(out['badUrl']).toContain('jdbc:mysql://');
    expect(JSON.stringify(out)).not.toContain('geheim');
  });

  it('tells people of writes that were skipped, and nobody a password', async () => {
    const api = cluster.file().driver.http;
    const jobs = (await (await fetch(`${api}/api/jobs`)).json()) as { jobId: string; name: string }[];
    const skipped = jobs.filter((job) => job.name === 'write to ranking: skipped');
    expect(skipped.length).toBeGreaterThan(0);
    const all = await Promise.all(
      jobs.map(async ({ jobId }) => (await fetch(`${api}/api/jobs/${jobId}`)).text()),
    );
    expect(all.join('\n')).toContain('write 0 of run run-1 (nightly rank) is committed already with 2 rows');
    expect(all.join('\n')).not.toContain(ROOT_PASSWORD);
    const logs = await Promise.all(
      (await readdir(cluster.directory, { recursive: true }))
        .filter((file) => /driver.*\.log$/.test(file))
        .map((file) => readFile(join(cluster.directory, file), 'utf8')),
    );
    expect(logs.join('')).toContain('table-write.skipped');
    expect(logs.join('')).not.toContain(ROOT_PASSWORD);
    expect(logs.join('')).not.toContain('geheim');
  });
});

describe('the client with tables', () => {
  it('writes once in a run, says so, and reads with types', async () => {
    const url = mariadb.url;
    const properties = { user: 'root', password: ROOT_PASSWORD };
    const job = async () => {
      const remote = `${cluster.file().driver.connect}/;x-quarry-dag=täglich;x-quarry-task=t;x-quarry-run-id=2026-11-21T02:00:00+00:00`;
      await using session = await QuarrySession.connect({ cluster: remote });
      const rows = session.sql("SELECT '2026-11-21' AS ds, 7 AS product");
      return await rows.write
        .mode('append')
        .option('quarry.replaceKeys', 'ds')
        .jdbc(url, 'ts_ranking', properties);
    };
    expect(await job()).toEqual({ outcome: 'written', rowCount: 1 });
    expect(await job()).toEqual({ outcome: 'skipped', rowCount: 1 });
    await using session = await QuarrySession.connect({ cluster: cluster.file().driver.connect });
    const table = session.read.jdbc(url, 'ts_ranking', properties);
    expect(await table.collect()).toEqual([{ ds: '2026-11-21', product: 7 }]);
    await expect(table.write.jdbc(url, 'ts_ranking', properties)).rejects.toMatchObject({
      code: 'TABLE_EXISTS',
    });
    const options = { url, dbtable: 'ts_copy', ...properties };
    let writer = table.write.format('jdbc').mode('overwrite');
    for (const [key, value] of Object.entries(options)) writer = writer.option(key, value);
    await writer.save();
    expect(await session.read.jdbc(url, 'ts_copy', properties).count()).toBe(1);
  });

  it('waits for a server that is started again in the middle of a keyed write', async () => {
    const remote = `${cluster.file().driver.connect}/;x-quarry-run-id=restart`;
    await using session = await QuarrySession.connect({ cluster: remote });
    const rows = session.sql('SELECT id, uuid() AS text FROM range(300000)');
    const writing = rows.write
      .mode('append')
      .jdbc(mariadb.url, 'restarted', { user: 'root', password: ROOT_PASSWORD });
    await new Promise((resolve) => setTimeout(resolve, 700));
    await mariadb.kill();
    await mariadb.start();
    expect(await writing).toEqual({ outcome: 'written', rowCount: 300_000 });
    const properties = { user: 'root', password: ROOT_PASSWORD };
    const count = session.read.jdbc(mariadb.url, '(SELECT count(*) AS n FROM restarted) AS c', properties);
    expect(await count.collect()).toEqual([{ n: 300_000 }]);
  });
});
