import { DuckDBInstance } from '@duckdb/node-api';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../../../common/package-root.ts';
import { quarry } from '../../cluster/quarry.ts';
import { startTestCluster, type TestCluster } from '../../cluster/test-cluster.ts';
import { runPythonJson } from './python.ts';

const DATE = '2017-05-02';
const data = (file: string) => join(packageRoot, 'examples/data', file);

let cluster: TestCluster;
const remote = () => cluster.file().driver.connect;

async function ingest(...args: string[]): Promise<void> {
  const { code, stderr } = await quarry(['ingest', ...args], { QUARRY_CLUSTER: cluster.directory });
  expect(stderr.trim().length > 0 && code !== 0 ? stderr : '').toBe('');
}

beforeAll(async () => {
  cluster = await startTestCluster({ settings: { 'driver.connectStreamBytesMax': '1' } });
  const byDate = ['--partition-by', 'date(transaction_timestamp)', '--layout', '{date}/'];
  await ingest(data('transactions-2017-05-01-07.parquet'), '/data/raw/sales', ...byDate);
  await ingest(data('products.parquet'), '/data/raw/products');
});
afterAll(() => cluster?.stop());

/** The same ranking by DuckDB alone, from the files before they were ingested. */
async function expectedRanking(): Promise<unknown[][]> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const reader = await connection.runAndReadAll(`
    SELECT product_id, any_value(product_type), round(sum(sales_value), 2), count(*)::INT
    FROM '${data('transactions-2017-05-01-07.parquet')}' LEFT JOIN '${data('products.parquet')}' USING (product_id)
    WHERE transaction_timestamp::DATE = DATE '${DATE}' GROUP BY product_id ORDER BY 3 DESC, 1 LIMIT 20`);
  const rows = reader.getRowsJson() as unknown[][];
  connection.closeSync();
  instance.closeSync();
  return rows.map((row) => [Number(row[0]), row[1], Number(row[2]), Number(row[3])]);
}

describe('PySpark 4.0.1', () => {
  it('ranks the sales of a day as DuckDB does from the original files', async () => {
    const { columns, rows } = await runPythonJson<{ columns: string[]; rows: unknown[][] }>(
      'daily_sales.py',
      [remote(), DATE],
    );
    expect(columns).toEqual(['product_id', 'product_type', 'sales', 'baskets']);
    expect(rows.map((row) => [Number(row[0]), ...row.slice(1)])).toEqual(await expectedRanking());
  });

  it('works with data frames, SQL, views, files and pandas', async () => {
    const results = await runPythonJson<Record<string, unknown>>('frames.py', [remote()]);
    expect(results['show']).toBe(`+---+----+------+----------+-----+
| id|name| score|      born| paid|
+---+----+------+----------+-----+
|  1| Ann|   2.5|1990-05-01|12.50|
|  2|NULL|1.0E10|      NULL| NULL|
|  3|  Bo|   NaN|2001-12-31|-0.05|
+---+----+------+----------+-----+

`);
    expect(results['tree']).toBe(`root
 |-- id: long (nullable = true)
 |-- name: string (nullable = true)
 |-- score: double (nullable = true)
 |-- born: date (nullable = true)
 |-- paid: decimal(10,2) (nullable = true)

`);
    expect(results['more']).toBe('+---+\n| id|\n+---+\n|  0|\n|  1|\n+---+\nonly showing top 2 rows\n\n');
    expect(results['vertical']).toBe('-RECORD 0---\n id   | 1   \n name | Ann \n\n');
    expect(results).toMatchObject({
      rows: [
        [1, 'Ann', '1990-05-01', '12.50'],
        [2, null, 'None', 'None'],
        [3, 'Bo', '2001-12-31', '-0.05'],
      ],
      pandas: [
        [1, 'Ann'],
        [2, null],
        [3, 'Bo'],
      ],
      empty: [0, 0],
      views: ['people'],
      sql: [
        ['Ann', 2],
        ['Bo', 4],
      ],
      arguments: 42,
      dropped: [true, false],
      again: { type: 'AnalysisException', condition: 'PATH_ALREADY_EXISTS', sqlState: '42K04' },
      count: 1000,
      appended: 1010,
      overwritten: [0, 1, 2, 3, 4, 5].map((id) => [id, id % 3]),
      ignored: 6,
    });
    expect(results['errors']).toEqual({
      column: {
        type: 'AnalysisException',
        condition: 'UNRESOLVED_COLUMN.WITH_SUGGESTION',
        sqlState: '42703',
      },
      table: { type: 'AnalysisException', condition: 'TABLE_OR_VIEW_NOT_FOUND', sqlState: '42P01' },
      syntax: { type: 'ParseException', condition: 'PARSE_SYNTAX_ERROR', sqlState: '42601' },
      path: { type: 'AnalysisException', condition: 'PATH_NOT_FOUND', sqlState: '42K03' },
      zero: { type: 'ArithmeticException', condition: 'DIVIDE_BY_ZERO', sqlState: '22012' },
      cast: { type: 'NumberFormatException', condition: 'CAST_INVALID_INPUT', sqlState: '22018' },
      function: {
        type: 'UnsupportedOperationException',
        condition: 'UNSUPPORTED_FEATURE',
        sqlState: '0A000',
      },
    });
  });

  it('reattaches, sends local data, interrupts and keeps sessions apart', async () => {
    interface Interrupted {
      readonly ids: number;
      readonly error: boolean;
      readonly seconds: number;
    }
    const results = await runPythonJson<Record<string, unknown> & { tag: Interrupted; all: Interrupted }>(
      'protocol.py',
      [remote()],
    );
    expect(results).toMatchObject({
      reattached: [1_000_000, 499_999_500_000],
      artifact: [5000, 12_497_500],
      tag: { ids: 1, error: true },
      all: { ids: 1, error: true },
      after: 10,
      isolation: [true, false],
      shared: 1,
    });
    expect(results.tag.seconds).toBeLessThan(3);
    expect(results.all.seconds).toBeLessThan(3);
  });
});
