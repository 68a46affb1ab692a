import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KernelPool } from '../../../../executor/kernel/kernel-pool.ts';

let directory: string;
let kernels: KernelPool;
const never = new AbortController().signal;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'quarry-kernel-test-'));
  kernels = new KernelPool({
    memoryLimitBytes: 128 * 1024 * 1024,
    threads: 2,
    temporaryDirectory: join(directory, 'tmp'),
  });
});
afterAll(async () => {
  kernels.close();
  await rm(directory, { recursive: true, force: true });
});

const rows = (sql: string, timeZone = 'UTC', signal = never) =>
  kernels.use(timeZone, signal, (session) => session.rows(sql));

describe('DuckDbKernel', () => {
  it('keeps the time zone and tables of one task from the next', async () => {
    const local = `SELECT (TIMESTAMPTZ '2017-06-01 23:30:00+00')::DATE::VARCHAR`;
    expect(await rows(local, 'Asia/Seoul')).toEqual([['2017-06-02']]);
    expect(await rows(local, 'America/New_York')).toEqual([['2017-06-01']]);
    await rows('CREATE TEMP TABLE mine AS SELECT 1');
    await expect(rows('SELECT * FROM mine')).rejects.toThrow(/mine/);
  });

  it.each([
    [`SELECT CAST('x' AS DATE)`, 'BAD_DATA'],
    [`SELECT error('[DIVIDE_BY_ZERO] Division by zero. SQLSTATE: 22012')`, 'BAD_DATA'],
    ['SELECT 9223372036854775807::BIGINT + i FROM range(1, 2) t(i)', 'ARITHMETIC'],
    [`SELECT list(i::VARCHAR || repeat('x', 100)) FROM range(9000000) t(i)`, 'OUT_OF_MEMORY'],
    ['SELECT nothing FROM nowhere', 'INTERNAL'],
  ])('types the failure of %s', async (sql, code) => {
    await expect(rows(sql)).rejects.toMatchObject({ code, details: { kernel: true } });
  });

  it('tells a damaged Parquet file from a bug', async () => {
    const path = join(directory, 'damaged.parquet');
    await rows(`COPY (SELECT i, md5(i::VARCHAR) AS s FROM range(10000) t(i)) TO '${path}' (FORMAT parquet)`);
    const { readFile } = await import('node:fs/promises');
    const bytes = await readFile(path);
    bytes.fill(0xa5, 4, 5_000);
    await writeFile(path, bytes);
    await expect(rows(`SELECT sum(i), max(s) FROM read_parquet('${path}')`)).rejects.toMatchObject({
      code: 'BAD_DATA',
    });
  });

  it('stops at once when its task is cancelled, and serves the next', async () => {
    const abort = new AbortController();
    const endless = rows(
      'SELECT count(*) FROM range(1000000000) a, range(1000) b WHERE (a.range * b.range) % 7 = 3',
      'UTC',
      abort.signal,
    );
    const startedMs = performance.now();
    setTimeout(() => abort.abort(), 50);
    await expect(endless).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(performance.now() - startedMs).toBeLessThan(3_000);
    expect(await rows('SELECT 1')).toEqual([[1]]);
  });

  it('sorts more than its memory by spilling', async () => {
    const path = join(directory, 'sorted.parquet');
    await rows(
      `COPY (SELECT i, hash(i) AS h, md5(i::VARCHAR) AS s FROM range(2500000) t(i) ORDER BY h) TO '${path}' (FORMAT parquet, ROW_GROUP_SIZE 8192)`,
    );
    expect(await rows(`SELECT count(*) FROM '${path}'`)).toEqual([[2_500_000n]]);
  });
});
