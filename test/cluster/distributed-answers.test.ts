import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { QuarrySession } from '../../client/session.ts';
import { duckdbRows } from './sales-year.ts';
import { quarry } from './quarry.ts';
import { startTestCluster, type TestCluster } from './test-cluster.ts';

const KiB = 1024;

/** Keys of every kind that a shuffle must hash alike: null, decimal, nested, -0.0 and NaN, text. */
const SALES = `SELECT i::BIGINT AS id, CASE WHEN i % 11 = 0 THEN NULL ELSE (i * 7919 % 40)::INTEGER END AS store,
  (i * 104729 % 997)::BIGINT AS product, (i % 1000) / 8.0 AS amount, ((i * 31 % 5000) / 100.0)::DECIMAL(9,2) AS price,
  DATE '2024-01-01' + (i % 90)::INTEGER AS day, 'name ' || (i % 53) AS name, md5(i::VARCHAR) AS filler,
  CASE WHEN i % 3 = 0 THEN '-0.0'::DOUBLE WHEN i % 3 = 1 THEN 0.0::DOUBLE ELSE 'NaN'::DOUBLE END AS odd,
  {'a': (i % 5)::INTEGER, 'b': 'x' || (i % 2)} AS nested, [(i % 4)::INTEGER, NULL] AS list
  FROM range({from}, {to}) AS r(i)`;
const PRODUCTS = `SELECT p::BIGINT AS product, 'product ' || p AS label, (p % 7)::INTEGER AS kind, (p / 100.0)::DECIMAL(9,2) AS price,
  md5(p::VARCHAR) || md5((p + 1)::VARCHAR) AS filler FROM range(300, 1300) AS r(p)`;

interface Query {
  readonly sql: string;
  /** The same question to DuckDB, where the dialects differ. */
  readonly reference?: string;
  readonly isOrdered?: boolean;
}

const JOINED = 'FROM {sales} s JOIN {products} p ON s.product = p.product';
const QUERIES: Readonly<Record<string, Query>> = {
  'a count of all rows': { sql: 'SELECT count(*) AS n FROM {sales}' },
  'a global aggregate': {
    sql: 'SELECT sum(amount) AS a, avg(price) AS b, min(day) AS c, max(name) AS d, stddev(amount) AS e FROM {sales}',
    reference:
      'SELECT sum(amount) AS a, avg(price) AS b, min(day) AS c, max(name) AS d, stddev_samp(amount) AS e FROM {sales}',
  },
  'a grouped aggregate with a null key': {
    sql: 'SELECT store, count(*) AS n, sum(amount) AS a, sum(price) AS p FROM {sales} GROUP BY store',
  },
  'two keys': { sql: 'SELECT store, name, count(*) AS n FROM {sales} GROUP BY store, name' },
  'a decimal key': { sql: 'SELECT price, count(*) AS n FROM {sales} GROUP BY price' },
  'a struct key': {
    sql: 'SELECT nested.a AS a, n FROM (SELECT nested, count(*) AS n FROM {sales} GROUP BY nested) t',
  },
  'a list key': {
    sql: 'SELECT list[0] AS a, n FROM (SELECT list, count(*) AS n FROM {sales} GROUP BY list) t',
    reference: 'SELECT list[1] AS a, n FROM (SELECT list, count(*) AS n FROM {sales} GROUP BY list) t',
  },
  'zeros and NaN as keys': { sql: 'SELECT count(*) AS n FROM {sales} GROUP BY odd' },
  HAVING: { sql: 'SELECT name, sum(amount) AS a FROM {sales} GROUP BY name HAVING sum(amount) > 70000' },
  'count distinct': { sql: 'SELECT count(DISTINCT product) AS a, count(DISTINCT name) AS b FROM {sales}' },
  'count distinct by key': {
    sql: 'SELECT store, count(DISTINCT product) AS a, sum(DISTINCT price) AS b, count(*) AS n FROM {sales} GROUP BY store',
  },
  'distinct rows': { sql: 'SELECT DISTINCT store, nested.b AS b FROM {sales}' },
  'a shuffle join': {
    sql: `SELECT p.label AS label, count(*) AS n, sum(s.amount) AS a ${JOINED} GROUP BY p.label`,
  },
  'a join on a decimal': {
    sql: 'SELECT s.price AS price, count(*) AS n FROM {sales} s JOIN {products} p ON s.price = p.price GROUP BY s.price',
  },
  'a join with a further condition': {
    sql: `SELECT count(*) AS n ${JOINED} AND s.price > p.price`,
  },
  'a left join': {
    sql: 'SELECT p.kind AS kind, count(*) AS n FROM {sales} s LEFT JOIN {products} p ON s.product = p.product GROUP BY p.kind',
  },
  'a right join': {
    sql: 'SELECT count(s.id) AS a, count(p.product) AS b, count(*) AS n FROM {sales} s RIGHT JOIN {products} p ON s.product = p.product',
  },
  'a full join': {
    sql: 'SELECT count(s.id) AS a, count(p.product) AS b, count(*) AS n FROM {sales} s FULL JOIN {products} p ON s.product = p.product',
  },
  'a semi join': {
    sql: 'SELECT count(*) AS n FROM {sales} s LEFT SEMI JOIN {products} p ON s.product = p.product',
    reference: 'SELECT count(*) AS n FROM {sales} s SEMI JOIN {products} p ON s.product = p.product',
  },
  'an anti join': {
    sql: 'SELECT store, count(*) AS n FROM {sales} s LEFT ANTI JOIN {products} p ON s.product = p.product GROUP BY store',
    reference:
      'SELECT store, count(*) AS n FROM {sales} s ANTI JOIN {products} p ON s.product = p.product GROUP BY store',
  },
  'IN and NOT EXISTS': {
    sql: 'SELECT count(*) AS n FROM {sales} s WHERE product IN (SELECT product FROM {products} WHERE kind = 3) AND NOT EXISTS (SELECT 1 FROM {products} q WHERE q.product = s.id)',
  },
  'a join without equality': {
    sql: 'SELECT count(*) AS n FROM (SELECT * FROM {sales} WHERE id < 50) s JOIN {products} p ON s.product < p.product',
  },
  'a sort with limit and offset': {
    sql: 'SELECT id, amount FROM {sales} ORDER BY amount DESC, id LIMIT 20 OFFSET 15',
    isOrdered: true,
  },
  'a sort of all rows': {
    sql: 'SELECT id FROM {sales} WHERE product < 20 ORDER BY price, id DESC',
    isOrdered: true,
  },
  'nulls first and last': {
    sql: 'SELECT store, count(*) AS n FROM {sales} GROUP BY store ORDER BY store NULLS LAST',
    isOrdered: true,
  },
  'a limit without order': { sql: 'SELECT count(*) AS n FROM (SELECT id FROM {sales} LIMIT 777) t' },
  'UNION ALL': {
    sql: 'SELECT count(*) AS n, sum(x) AS s FROM (SELECT product AS x FROM {sales} UNION ALL SELECT product FROM {products}) t',
  },
  UNION: { sql: 'SELECT product FROM {sales} UNION SELECT product FROM {products}' },
  INTERSECT: { sql: 'SELECT product, price FROM {sales} INTERSECT SELECT product, price FROM {products}' },
  'INTERSECT ALL': { sql: 'SELECT product FROM {sales} INTERSECT ALL SELECT product FROM {products}' },
  EXCEPT: { sql: 'SELECT product FROM {products} EXCEPT SELECT product FROM {sales}' },
  'a window by key': {
    sql: 'SELECT id, rank() OVER (PARTITION BY store ORDER BY amount DESC, id) AS r, sum(price) OVER (PARTITION BY store, name) AS s FROM {sales} WHERE product < 50',
  },
  'a window over all rows': {
    sql: 'SELECT id, row_number() OVER (ORDER BY id) AS r, lag(id, 2) OVER (ORDER BY id) AS l FROM {sales} WHERE product < 20',
  },
  ROLLUP: {
    sql: 'SELECT store, name, count(*) AS n FROM {sales} WHERE id < 9000 GROUP BY ROLLUP (store, name)',
  },
  CUBE: {
    sql: 'SELECT nested.a AS a, day, sum(amount) AS s, grouping(day) AS g FROM {sales} GROUP BY CUBE (nested.a, day)',
  },
  'collected values': {
    sql: 'SELECT store, size(collect_set(name)) AS a, size(collect_list(id)) AS b FROM {sales} GROUP BY store',
    reference: 'SELECT store, len(list(DISTINCT name)) AS a, len(list(id)) AS b FROM {sales} GROUP BY store',
  },
  percentiles: {
    sql: 'SELECT store, percentile(amount, 0.5) AS m FROM {sales} GROUP BY store',
    reference: 'SELECT store, quantile_cont(amount, 0.5) AS m FROM {sales} GROUP BY store',
  },
  'an aggregate of an aggregate': {
    sql: 'SELECT n, count(*) AS m FROM (SELECT product, count(*) AS n FROM {sales} GROUP BY product) t GROUP BY n',
  },
  'a count over one unread row': {
    sql: 'SELECT count(*) AS n FROM (SELECT sum(amount) AS a FROM {sales}) t',
  },
  'no rows, grouped': { sql: 'SELECT store, count(*) AS n FROM {sales} WHERE id < 0 GROUP BY store' },
  'no rows, global': { sql: 'SELECT count(*) AS n, sum(amount) AS a FROM {sales} WHERE id < 0' },
  'a pruned partition': {
    sql: "SELECT part, count(*) AS n, sum(id) AS s FROM {parts} WHERE part = 'b' GROUP BY part",
  },
  'no partition left': { sql: "SELECT id, part FROM {parts} WHERE part = 'none'" },
  'no partition left, global': { sql: "SELECT count(*) AS n, sum(id) AS s FROM {parts} WHERE part = 'none'" },
  'no partition left, grouped': {
    sql: "SELECT part, count(*) AS n FROM {parts} WHERE part = 'none' GROUP BY part",
  },
  'no partition left, joined': {
    sql: "SELECT count(*) AS n, count(q.id) AS m FROM {sales} s LEFT JOIN (SELECT * FROM {parts} WHERE part = 'none') q ON s.id = q.id",
  },
};

let cluster: TestCluster;
let session: QuarrySession;
let directory: string;

function inCluster(sql: string): string {
  return sql.replace(/\{(\w+)\}/g, (_, table: string) => `parquet.\`/data/${table}\``);
}

function inFiles(sql: string): string {
  return sql.replace(/\{(\w+)\}/g, (_, table: string) =>
    table === 'parts'
      ? `read_parquet('${directory}/parts/*/*.parquet', hive_partitioning = true)`
      : `read_parquet('${directory}/${table}/*.parquet')`,
  );
}

/** Numbers to ten digits: sums of doubles are added in another order. Dates and decimals as their text. */
function textOf(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (value instanceof Date) return value.toISOString().slice(0, 10);
  if (typeof value === 'bigint') return textOf(Number(value));
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : value.toPrecision(10);
  const text = (value as { toString(): string }).toString();
  return /^-?\d+(\.\d+)?$/.test(text) ? textOf(Number(text)) : text;
}

function linesOf(rows: readonly Record<string, unknown>[], isOrdered: boolean): string[] {
  const lines = rows.map((row) => Object.values(row).map(textOf).join(' | '));
  return isOrdered ? lines : lines.toSorted();
}

async function writeFiles(): Promise<void> {
  for (const table of ['sales', 'products', 'parts/part=a', 'parts/part=b']) {
    await mkdir(join(directory, table), { recursive: true });
  }
  const copy = (select: string, path: string) =>
    duckdbRows(`COPY (${select}) TO '${join(directory, path)}' (FORMAT parquet, ROW_GROUP_SIZE 4096)`);
  const sales = (from: number, to: number) =>
    SALES.replace('{from}', String(from)).replace('{to}', String(to));
  await copy(sales(0, 20_000), 'sales/1.parquet');
  await copy(sales(20_000, 45_000), 'sales/2.parquet');
  await copy(sales(45_000, 60_000), 'sales/3.parquet');
  await copy(PRODUCTS, 'products/1.parquet');
  await copy('SELECT i AS id FROM range(100) AS r(i)', 'parts/part=a/1.parquet');
  await copy('SELECT i AS id FROM range(100, 250) AS r(i)', 'parts/part=b/1.parquet');
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'quarry-answers-'));
  await writeFiles();
  cluster = await startTestCluster({
    settings: {
      'namenode.minBlockSizeBytes': String(64 * KiB),
      'client.blockSizeBytes': String(256 * KiB),
      'driver.singleTaskMaxBytes': '0',
    },
  });
  const run = (...args: string[]) => quarry(args, { QUARRY_CLUSTER: cluster.directory });
  for (const file of ['sales/1', 'sales/2', 'sales/3', 'products/1', 'parts/part=a/1', 'parts/part=b/1']) {
    const parent = `/data/${file.slice(0, file.lastIndexOf('/'))}`;
    expect(await run('fs', 'mkdir', '-p', parent)).toMatchObject({ code: 0, stderr: '' });
    const stored = await run('fs', 'put', join(directory, `${file}.parquet`), `/data/${file}.parquet`);
    expect(stored).toMatchObject({ code: 0, stderr: '' });
  }
  session = await QuarrySession.connect({ cluster: cluster.directory });
});

afterAll(async () => {
  await session?.stop();
  await cluster?.stop();
  await rm(directory, { recursive: true, force: true });
});

describe.each(['1', '10485760'])('with sides of joins up to %s bytes copied', (broadcast) => {
  beforeAll(async () => {
    await session.conf.set('spark.sql.autoBroadcastJoinThreshold', broadcast);
  });

  it.each(Object.entries(QUERIES))('%s', async (_, { sql, reference = sql, isOrdered = false }) => {
    const rows = (await session.sql(inCluster(sql)).collect()) as Record<string, unknown>[];
    const expected = await duckdbRows(inFiles(reference));
    expect(linesOf(rows, isOrdered)).toEqual(linesOf(expected, isOrdered));
  });
});
