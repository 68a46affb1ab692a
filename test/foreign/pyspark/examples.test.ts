import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { packageRoot } from '../../../common/package-root.ts';
import { quarry } from '../../cluster/quarry.ts';
import { startTestCluster, type TestCluster } from '../../cluster/test-cluster.ts';
import { clientPython } from './python.ts';

let cluster: TestCluster;

async function run(...args: string[]): Promise<string> {
  const finished = await quarry(args, { QUARRY_CLUSTER: cluster.directory, PYSPARK_PYTHON: clientPython() });
  expect(finished.stderr.replaceAll(/.*(UserWarning|warnings\.warn).*\n/g, '')).toBe('');
  expect(finished.code).toBe(0);
  return finished.stdout;
}

beforeAll(async () => {
  cluster = await startTestCluster();
  const data = (name: string) => join(packageRoot, 'examples/data', name);
  const byDay = ['--partition-by', 'date(transaction_timestamp)', '--layout', '{date}/'];
  await run('ingest', data('transactions-2017-05-01-07.parquet'), '/data/raw/sales', ...byDay);
  await run('ingest', data('products.parquet'), '/data/products');
});

afterAll(async () => {
  await cluster?.stop();
});

it('the daily sales job gives the same rows in TypeScript and in plain PySpark', async () => {
  const args = ['--date', '2017-05-03', '--json'];
  const typescript = JSON.parse(await run('submit', 'examples/daily-sales.ts', ...args)) as {
    rank: number;
    sales: string;
  }[];
  const pyspark = JSON.parse(await run('submit', 'examples/daily_sales.py', ...args)) as unknown;
  expect(typescript).toEqual(pyspark);
  expect(typescript.map(({ rank }) => rank)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
});
