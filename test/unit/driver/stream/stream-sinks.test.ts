import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { resolveConfig } from '../../../../common/config.ts';
import { silentLog } from '../../../../common/log.ts';
import type { RoleOptions, RunningRole } from '../../../../common/role.ts';
import { systemSeams } from '../../../../common/seams/system.ts';
import type { LogicalPlan } from '../../../../driver/plan/logical-plan.ts';
import type { RunStep } from '../../../../driver/stream/stream-run-options.ts';
import type { StreamSpec } from '../../../../driver/stream/streaming-query.ts';
import { openTables } from '../../../../sinks/open-tables.ts';
import { openView } from '../../../../sinks/open-view.ts';
import { start as startViews } from '../../../../services/views/start.ts';
import { StreamFixture } from './stream-fixture.ts';

let fixture: StreamFixture;
let directory: string;
let views: RunningRole | undefined;

beforeEach(async () => {
  fixture = await StreamFixture.open();
  directory = await mkdtemp(join(tmpdir(), 'quarry-views-'));
});

afterEach(async () => {
  await fixture.close();
  await views?.close();
  views = undefined;
  await rm(directory, { recursive: true, force: true });
});

async function viewService(port = '0'): Promise<string> {
  const seams = systemSeams(directory, silentLog());
  views = await startViews({ directory } as RoleOptions, resolveConfig({ 'views.port': port }), seams);
  return views.addresses['views']!.replace(/^.*:\/\//, '');
}

const STEPS: readonly RunStep[] = ['offsets-written', 'job-done', 'sink-done', 'committed'];
const EVENTS = 120;

/** `product` of event i is p<i % 5>, one a second. */
async function counted(): Promise<LogicalPlan> {
  await fixture.log.sink.createTopic('events', { partitions: 2 });
  fixture.topic('events', 'events', { maxOffsetsPerTrigger: '30' });
  for (const partition of [0, 1]) {
    const values = Array.from({ length: EVENTS / 2 }, (_, index) => `p${(index * 2 + partition) % 5}`);
    await fixture.append('events', values, partition);
  }
  return fixture.sql(
    `SELECT window(timestamp, '1 minute') AS window, CAST(value AS STRING) AS product, count(*) AS n FROM events GROUP BY 1, 2`,
  );
}

async function untilDone(plan: LogicalPlan, spec: Partial<StreamSpec>): Promise<void> {
  for (const [index, step] of STEPS.entries()) {
    fixture.newEngine((at, batchId) => {
      if (at === step && batchId === index) throw new Error('killed');
    });
    const query = await fixture.start(plan, spec);
    await expect(query.awaitTermination()).rejects.toThrow('killed');
  }
  fixture.newEngine();
  await (await fixture.start(plan, spec)).awaitTermination();
}

describe('sinks take each batch once', () => {
  it('a view', async () => {
    const address = await viewService();
    const options = {
      url: `quarry-views://${address}`,
      view: 'clicks',
      keyColumns: 'window',
      fieldColumn: 'product',
      valueColumn: 'n',
      checkpointLocation: '/ck',
    };
    await untilDone(await counted(), { format: 'quarry-view', outputMode: 'update', options });
    const view = await openView(options.url);
    const keys = await view.keys('clicks', '', '9');
    expect(keys).toEqual(['2023-11-14T22:13:00Z']);
    const read = await view.read('clicks', keys);
    expect(Object.fromEntries(read.get(keys[0]!)!)).toEqual({
      p0: '24',
      p1: '24',
      p2: '24',
      p3: '24',
      p4: '24',
    });
    // The store has lost everything: the next batch brings back what was written before.
    await view.drop('clicks');
    await fixture.append('events', ['p0'], 0);
    await (
      await fixture.start(await counted0(), { format: 'quarry-view', outputMode: 'update', options })
    ).awaitTermination();
    const again = await view.read('clicks', keys);
    expect(Object.fromEntries(again.get(keys[0]!)!)).toEqual({
      p0: '25',
      p1: '24',
      p2: '24',
      p3: '24',
      p4: '24',
    });
    await view.close();
  }, 30_000);

  /** The same query over the topic that is there already. */
  function counted0(): Promise<LogicalPlan> {
    return fixture.sql(
      `SELECT window(timestamp, '1 minute') AS window, CAST(value AS STRING) AS product, count(*) AS n FROM events GROUP BY 1, 2`,
    );
  }

  it('a table', async () => {
    const url = `jdbc:quarry://${await viewService()}/shop`;
    const options = { url, dbtable: 'counts', 'quarry.replaceKeys': 'product', checkpointLocation: '/ck' };
    await counted();
    const plan = await fixture.sql(
      'SELECT CAST(value AS STRING) AS product, count(*) AS n FROM events GROUP BY 1',
    );
    await untilDone(plan, { format: 'jdbc', outputMode: 'update', options });
    const tables = await openTables(url);
    const rows = await tables.query('SELECT product, n FROM counts ORDER BY product');
    expect(rows.map(({ product, n }) => `${String(product)} ${String(n)}`)).toEqual([
      'p0 24',
      'p1 24',
      'p2 24',
      'p3 24',
      'p4 24',
    ]);
    await tables.close();
  }, 30_000);

  it('a topic', async () => {
    await counted();
    await fixture.log.sink.createTopic('copies', { partitions: 1 });
    const plan = await fixture.sql(
      `SELECT CAST(value AS STRING) AS key, concat(CAST(value AS STRING), '/', partition, '/', offset) AS value, timestamp FROM events`,
    );
    const options = { url: fixture.logUrl, topic: 'copies', checkpointLocation: '/ck' };
    await untilDone(plan, { format: 'quarry-log', outputMode: 'append', options });
    const [latest] = await fixture.log.source.latest('copies');
    const values: string[] = [];
    const range = { topic: 'copies', partition: 0, from: 0, until: latest!.offset };
    for await (const batch of fixture.log.source.read(range)) {
      values.push(...batch.values.map((value) => value!.toString()));
      expect(new Set(batch.timestampsMs)).toEqual(new Set([1_700_000_000_000]));
    }
    const expected = [0, 1].flatMap((partition) =>
      Array.from(
        { length: EVENTS / 2 },
        (_, index) => `p${(index * 2 + partition) % 5}/${partition}/${index}`,
      ),
    );
    expect(values.toSorted()).toEqual(expected.toSorted());
  }, 30_000);

  it('files in directories', async () => {
    await counted();
    const plan = await fixture.sql('SELECT CAST(value AS STRING) AS product, partition, offset FROM events');
    const options = { checkpointLocation: '/ck' };
    await untilDone(plan, { format: 'parquet', path: '/out', partitionBy: ['product'], options });
    const written = [...fixture.files.files.keys()].filter(
      (path) => path.startsWith('/out/') && path.endsWith('.parquet'),
    );
    expect(new Set(written.map((path) => path.split('/')[2]))).toEqual(
      new Set(['product=p0', 'product=p1', 'product=p2', 'product=p3', 'product=p4']),
    );
    expect(written.some((path) => path.includes('_temporary'))).toBe(false);
    // Read back as a stream of files: every row once, whatever was killed.
    const columns = [
      ['product', 'string'],
      ['partition', 'integer'],
      ['offset', 'long'],
    ] as const;
    const source = fixture.source('parquet', columns, { path: '/out', maxFilesPerTrigger: '4' });
    const fields = columns.map(([name, kind]) => ({ name, type: { kind } as never, nullable: true }));
    fixture.plans.addView('files', { ...source, userSchema: { kind: 'struct', fields } } as LogicalPlan);
    const rows: string[] = [];
    const back = await fixture.start(await fixture.sql(`SELECT product, partition, offset FROM files`), {
      options: { checkpointLocation: '/ck-back' },
      foreachBatch: async (batch) => {
        if (batch.kind === 'local') rows.push(...batch.rows.map((row) => row.map(String).join('/')));
      },
    });
    await back.awaitTermination();
    expect(back.recentProgress.length).toBeGreaterThan(1);
    const expected = [0, 1].flatMap((partition) =>
      Array.from(
        { length: EVENTS / 2 },
        (_, index) => `p${(index * 2 + partition) % 5}/${partition}/${index}`,
      ),
    );
    expect(rows.toSorted()).toEqual(expected.toSorted());
  }, 30_000);

  it('a function, with the rows frozen in files while it runs', async () => {
    await counted();
    const plan = await fixture.sql('SELECT CAST(value AS STRING) AS product, partition, offset FROM events');
    const seen: { readonly batchId: number; readonly paths: readonly string[] }[] = [];
    const query = await fixture.start(plan, {
      format: 'foreach-batch',
      options: { checkpointLocation: '/ck' },
      foreachBatch: async (batch, batchId) => {
        if (batch.kind !== 'scan') throw new Error(`a ${batch.kind}`);
        const paths = batch.files.map(({ path }) => path);
        expect(paths.every((path) => fixture.files.files.has(path))).toBe(true);
        expect(batch.output.map(({ name }) => name)).toEqual(['product', 'partition', 'offset']);
        seen.push({ batchId, paths });
      },
    });
    await query.awaitTermination();
    expect(seen.map(({ batchId }) => batchId)).toEqual([0, 1, 2, 3]);
    expect(query.recentProgress.map(({ sink }) => sink.numOutputRows)).toEqual([30, 30, 30, 30]);
    // Nothing of it stays.
    expect(seen.flatMap(({ paths }) => paths).some((path) => fixture.files.files.has(path))).toBe(false);
  });

  it('waits for a store that is down', async () => {
    const address = await viewService();
    const options = {
      url: `quarry-views://${address}`,
      view: 'v',
      keyColumns: 'product',
      fieldColumn: 'product',
      valueColumn: 'n',
      checkpointLocation: '/ck',
    };
    await views!.close();
    await counted();
    const plan = await fixture.sql(
      'SELECT CAST(value AS STRING) AS product, count(*) AS n FROM events GROUP BY 1',
    );
    const query = await fixture.start(plan, { format: 'quarry-view', outputMode: 'update', options });
    await expect
      .poll(() => query.status.message, { timeout: 20_000 })
      .toMatch(/Retrying after a failure of writing to QuarryView/);
    expect(query.isActive).toBe(true);
    await viewService(address.split(':')[1]);
    await query.awaitTermination();
    const view = await openView(options.url);
    expect((await view.read('v', ['p3'])).get('p3')).toEqual(new Map([['p3', '24']]));
    await view.close();
  }, 60_000);
});
