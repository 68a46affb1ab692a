import { DuckDBInstance } from '@duckdb/node-api';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readLandingOptions } from '../../../../services/landing/landing-options.ts';
import { ParquetStage } from '../../../../services/landing/parquet-stage.ts';

const options = readLandingOptions({
  log: 'quarry-log://x',
  topic: 't',
  directory: '/d',
  columns: 'product STRING, status INT',
});
const at = (iso: string) => Date.parse(iso);
const line = (iso: string, product: string) =>
  Buffer.from(JSON.stringify({ msec: at(iso) / 1_000, product, status: '200' }));

async function rowsOf(path: string): Promise<Record<string, unknown>[]> {
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  await connection.run("SET TimeZone = 'UTC'");
  return (await connection.runAndReadAll(`SELECT * FROM '${path}'`)).getRowObjectsJson();
}

describe('staging records as Parquet', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'quarry-stage-test-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('takes over the directory of a killed process without what that has left', async () => {
    writeFileSync(join(directory, 'stage.duckdb'), 'half a database');
    writeFileSync(join(directory, '2-20261121.parquet'), 'half a file');
    const stage = await ParquetStage.open(options, directory);
    expect(readdirSync(directory).filter((name) => !name.startsWith('stage.duckdb'))).toEqual([]);
    await stage.close();
    expect(existsSync(directory)).toBe(false);
  });

  it('writes a file a day, marks what is late and keeps what does not parse', async () => {
    const stage = await ParquetStage.open(options, directory);
    try {
      const staged = await stage.write({
        partition: 2,
        offsets: [10, 11, 13, 14, 15],
        values: [
          line('2026-11-20T23:59:59.999Z', 'a'),
          line('2026-11-21T00:20:00.001Z', 'b'),
          line('2026-11-21T00:05:00.000Z', 'c'),
          Buffer.from('{"half'),
          line('2026-11-21T00:10:00.002Z', 'd'),
        ],
        highestMs: at('2026-11-20T23:59:00Z'),
      });
      expect(staged).toMatchObject({
        rows: 4,
        lateRows: 1,
        malformedRows: 1,
        highestMs: at('2026-11-21T00:20:00.001Z'),
      });
      expect(staged.files.map(({ day }) => day)).toEqual(['2026/11/20', '2026/11/21', undefined]);
      expect(await rowsOf(staged.files[1]!.localPath)).toEqual([
        row('2026-11-21 00:20:00.001+00', 'b', false, 11),
        row('2026-11-21 00:05:00+00', 'c', true, 13),
        row('2026-11-21 00:10:00.002+00', 'd', false, 15),
      ]);
      expect(await rowsOf(staged.files[2]!.localPath)).toEqual([
        { value: '{"half', log_partition: 2, log_offset: '14' },
      ]);
      await stage.clear(staged);
      expect(staged.files.some(({ localPath }) => existsSync(localPath))).toBe(false);
    } finally {
      await stage.close();
    }
  });

  it('carries the highest event time of earlier files into the next', async () => {
    const stage = await ParquetStage.open(options, directory);
    try {
      const records = { partition: 0, offsets: [5], values: [line('2026-11-21T10:00:00Z', 'a')] };
      expect(await stage.write({ ...records, highestMs: null })).toMatchObject({ lateRows: 0 });
      expect(await stage.write({ ...records, highestMs: at('2026-11-21T10:10:00Z') })).toMatchObject({
        lateRows: 0,
      });
      expect(await stage.write({ ...records, highestMs: at('2026-11-21T10:10:00.001Z') })).toMatchObject({
        lateRows: 1,
      });
    } finally {
      await stage.close();
    }
  });
});

function row(time: string, product: string, late: boolean, offset: number) {
  return {
    event_time: time,
    product,
    status: 200,
    late,
    log_partition: 2,
    log_offset: String(offset),
  };
}
