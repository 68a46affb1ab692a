import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BlockCache, RangeSource } from '../../../../executor/cache/block-cache.ts';
import { KernelPool } from '../../../../executor/kernel/kernel-pool.ts';
import { ScanReader } from '../../../../executor/scan/scan-reader.ts';
import { newCounters } from '../../../../executor/task/task-runner.ts';

const signal = new AbortController().signal;
let directory: string;
let kernels: KernelPool;
// Files of this host need neither.
const reader = new ScanReader({} as BlockCache, {} as RangeSource, 'dn1');

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'quarry-scan-test-'));
  kernels = new KernelPool({
    memoryLimitBytes: 256 * 1024 * 1024,
    threads: 1,
    temporaryDirectory: directory,
  });
});
afterAll(async () => {
  kernels.close();
  await rm(directory, { recursive: true, force: true });
});

const rows = (sql: string, timeZone: string) => kernels.use(timeZone, signal, (session) => session.rows(sql));

async function scan(path: string, column: string, kernelType: string) {
  const counters = newCounters();
  const split = { path: pathToFileURL(path).href, inodeId: 0, generation: 0, lengthBytes: 0, rowGroups: [] };
  const columns = [{ name: column, kernelType }];
  return reader.open({ splits: [split], columns, fileName: false }, counters, signal);
}

describe('ScanReader', () => {
  it.each(['UTC', 'Asia/Seoul', 'America/New_York'])(
    'reads instants as the same instants in %s',
    async (timeZone) => {
      const path = join(directory, 'times.parquet');
      await rows(
        `COPY (SELECT TIMESTAMPTZ '2017-01-01 03:04:05.678901+00' AS adjusted, TIMESTAMP '2017-01-01 03:04:05.678901' AS zoneless,
        TIMESTAMP_MS '2017-01-01 03:04:05.678' AS millis, TIMESTAMP_NS '2017-01-01 03:04:05.678901234' AS nanos) TO '${path}' (FORMAT parquet)`,
        'UTC',
      );
      const micros = 1_483_239_845_678_901n;
      const adjusted = await scan(path, 'adjusted', 'TIMESTAMPTZ');
      expect(
        await rows(`SELECT epoch_us(adjusted), typeof(adjusted) FROM ${adjusted.sql}`, timeZone),
      ).toEqual([[micros, 'TIMESTAMP WITH TIME ZONE']]);
      for (const [column, value] of [
        ['zoneless', micros],
        ['millis', micros - 901n],
        ['nanos', micros],
      ] as const) {
        const opened = await scan(path, column, 'TIMESTAMP');
        expect(
          await rows(`SELECT epoch_us(${column}), typeof(${column}) FROM ${opened.sql}`, timeZone),
        ).toEqual([[value, 'TIMESTAMP']]);
      }
    },
  );
});
