import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { QuarrySession } from '../../client/session.ts';
import { duckdbRows, salesYear } from './sales-year.ts';
import { quarry } from './quarry.ts';
import { startTestCluster, type TestCluster } from './test-cluster.ts';

/** The whole year by product: every row of the input counts. */
const YEARLY = `SELECT product_id, sum(sales_value) AS sales, sum(quantity) AS quantity, count(*) AS baskets
  FROM {sales} GROUP BY product_id ORDER BY sales DESC, product_id LIMIT 50`;

interface JobDetail {
  readonly state: string;
  readonly stages: readonly {
    readonly label: string;
    readonly tasks: readonly {
      readonly state: string;
      readonly node: string;
      readonly attempt: number;
      readonly local?: boolean;
    }[];
  }[];
}

let cluster: TestCluster;
let session: QuarrySession;
let expected: readonly Record<string, unknown>[];

const run = (...args: string[]) => quarry(args, { QUARRY_CLUSTER: cluster.directory });

async function lastJob(): Promise<JobDetail> {
  const [latest] = JSON.parse((await run('jobs', '--json')).stdout) as { jobId: string }[];
  return JSON.parse((await run('jobs', latest!.jobId)).stdout) as JobDetail;
}

/** Sums of doubles may be added in another order on three nodes than on one. */
function expectSameRows(rows: readonly Record<string, unknown>[]): void {
  expect(rows.length).toBe(expected.length);
  rows.forEach((row, i) => {
    const want = expected[i]!;
    expect(Number(row['product_id'])).toBe(Number(want['product_id']));
    expect(Number(row['sales'])).toBeCloseTo(Number(want['sales']), 6);
    expect(Number(row['quantity'])).toBe(Number(want['quantity']));
    expect(Number(row['baskets'])).toBe(Number(want['baskets']));
  });
}

async function yearly(): Promise<Record<string, unknown>[]> {
  const result = session.sql(YEARLY.replace('{sales}', 'parquet.`/data/year`'));
  return (await result.collect()) as Record<string, unknown>[];
}

beforeAll(async () => {
  const { transactions } = salesYear();
  expected = await duckdbRows(YEARLY.replace('{sales}', `'${transactions}'`));
  cluster = await startTestCluster({
    settings: { 'client.blockSizeBytes': String(1024 * 1024), 'driver.singleTaskMaxBytes': '0' },
  });
  const ingested = await run('ingest', transactions, '/data/year');
  expect(ingested).toMatchObject({ code: 0, stderr: '' });
  session = await QuarrySession.connect({ cluster: cluster.directory });
});

afterAll(async () => {
  await session?.stop();
  await cluster?.stop();
});

describe('the full-year sales job over 1 MiB blocks', () => {
  it('runs at least 6 scan tasks over all three nodes, shuffles, and gives the rows of one machine', async () => {
    expectSameRows(await yearly());
    const job = await lastJob();
    expect(job.state).toBe('succeeded');
    const scans = job.stages.flatMap((stage) => stage.tasks).filter((task) => task.local !== undefined);
    expect(scans.length).toBeGreaterThanOrEqual(6);
    expect([...new Set(scans.map((task) => task.node))].toSorted()).toEqual(['dn1', 'dn2', 'dn3']);
    expect(job.stages.length).toBeGreaterThanOrEqual(2);
    // Three replicas on three nodes: every node holds every block, so that nothing needs to be read from elsewhere.
    expect(scans.filter((task) => task.local).length).toBe(scans.length);
  });

  it('gives the same rows while a node loses its executor and its datanode', async () => {
    const running = yearly();
    await sleep(60);
    cluster.signal('dn3', { signal: 'SIGKILL' });
    expectSameRows(await running);
    expectSameRows(await yearly());
    await cluster.restart('dn3');
    expectSameRows(await yearly());
  });
});
