import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lateSql } from '../../../../common/stream/lateness.ts';
import { DuckDbKernel, type KernelSession } from '../../../../executor/kernel/duckdb-kernel.ts';
import { loadLog } from '../../../../executor/stream/log-loader.ts';
import type { Log, OffsetRange, RecordBatch } from '../../../../log/log.ts';
import type { LogSource } from '../../../../proto/gen/quarry/LogSource.ts';

let kernel: DuckDbKernel;
let session: KernelSession;
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'log-loader-'));
  kernel = await DuckDbKernel.open({
    memoryLimitBytes: 256 * 1024 * 1024,
    threads: 2,
    temporaryDirectory: join(directory, 'spill'),
  });
  session = await kernel.connect('UTC');
});

afterAll(async () => {
  session.close();
  kernel.close();
  await rm(directory, { recursive: true, force: true });
});

function logOf(values: readonly (Buffer | string | null)[], batchRows = 1_000): Log {
  const bytes = values.map((value) => (typeof value === 'string' ? Buffer.from(value) : value));
  async function* read({ topic, partition, from, until }: OffsetRange): AsyncGenerator<RecordBatch> {
    for (let at = from; at < until; at += batchRows) {
      const end = Math.min(until, at + batchRows);
      const offsets = Array.from({ length: end - at }, (_, index) => at + index);
      yield {
        topic,
        partition,
        offsets,
        timestampsMs: offsets.map((offset) => 1_700_000_000_000 + offset),
        keys: offsets.map((offset) => (offset % 2 === 0 ? Buffer.from(`k${offset}`) : null)),
        values: bytes.slice(at, end),
        nextOffset: end,
      };
    }
  }
  return { source: { read } } as unknown as Log;
}

let tables = 0;
async function load(
  values: readonly (Buffer | string | null)[],
  source: Partial<LogSource>,
): Promise<{ table: string; rowCount: number }> {
  const table = `t${++tables}`;
  const range = { topic: "it's", partition: 3, from: 0, until: values.length };
  const [loaded] = await loadLog(
    logOf(values, 2),
    { url: '', ranges: [range], columns: [], json: [], settings: {}, ...source },
    table,
    { session, directory, signal: new AbortController().signal },
  );
  return { table, rowCount: loaded!.rowCount };
}

const JSON_FIELDS = [
  { field: 'product', kernelType: 'VARCHAR', column: 'c1' },
  { field: 'n', kernelType: 'BIGINT', column: 'c2' },
];

describe('loadLog', () => {
  it('reads fields of JSON values, one row a record whatever the value is', async () => {
    const values = [
      '{"product":"a","n":1,"other":[1,2]}',
      '{not json',
      null,
      '',
      '  ',
      '{\n "product": "b",\n "n": 2\n}',
      '{"product":"line\nend","n":3}',
      'null',
      '[1]',
      '{"product": ',
      '{"product":"after a torn one","n":4}',
      '{"product":7,"n":"x"}',
      Buffer.from([0x7b, 0xff, 0x7d]),
      '{"product":"käse","n":null}',
    ];
    const { table, rowCount } = await load(values, { json: JSON_FIELDS });
    expect(rowCount).toBe(values.length);
    const none = [null, null];
    expect(await session.rows(`SELECT c1, CAST(c2 AS VARCHAR) FROM ${table}`)).toEqual([
      ['a', '1'],
      none,
      none,
      none,
      none,
      ['b', '2'],
      none,
      none,
      none,
      none,
      ['after a torn one', '4'],
      ['7', null],
      none,
      ['käse', null],
    ]);
  });

  it("gives a record's own columns as they were, and fields beside them", async () => {
    const values = ['{"product":"a"}', null, 'two\nlines', '', Buffer.from([0, 255, 10])];
    const columns = ['key', 'value', 'topic', 'partition', 'offset', 'timestamp', 'timestampType'];
    const { table } = await load(values, { columns, json: JSON_FIELDS });
    const rows = await session.rows(
      `SELECT "key"::VARCHAR, hex("value"), "topic", "partition", "offset"::VARCHAR, epoch_ms("timestamp")::VARCHAR, "timestampType", c1 FROM ${table}`,
    );
    const hex = (value: Buffer | string) => Buffer.from(value).toString('hex').toUpperCase();
    expect(rows).toEqual([
      ['k0', hex('{"product":"a"}'), "it's", 3, '0', '1700000000000', 0, 'a'],
      [null, null, "it's", 3, '1', '1700000000001', 0, null],
      ['k2', hex('two\nlines'), "it's", 3, '2', '1700000000002', 0, null],
      [null, '', "it's", 3, '3', '1700000000003', 0, null],
      ['k4', hex(Buffer.from([0, 255, 10])), "it's", 3, '4', '1700000000004', 0, null],
    ]);
  });

  it('counts records of which no column is wanted', async () => {
    const { table } = await load(['a', 'b', null], {});
    expect(await session.rows(`SELECT CAST(count(*) AS VARCHAR) FROM ${table}`)).toEqual([['3']]);
  });

  it('keeps the order of the offsets, so that late rows are told from the rows before them', async () => {
    const times = Array.from({ length: 50_000 }, (_, index) =>
      index % 1_000 === 999 ? index - 700 : index % 7 === 0 ? index - 300 : index,
    );
    const { table } = await load(
      times.map((time) => JSON.stringify({ n: time, product: 'x' })),
      { json: JSON_FIELDS },
    );
    const time = 'to_timestamp(c2)';
    const [row] = await session.rows(
      `SELECT CAST(count(*) FILTER (WHERE late) AS VARCHAR), CAST(sum(c2) FILTER (WHERE late) AS VARCHAR) FROM (SELECT c2, ${lateSql({ time, highestUs: 100_000_000, delayMs: 400_000 })} AS late FROM ${table})`,
    );
    let highest = 100;
    const late: number[] = [];
    for (const each of times) {
      if (each < highest - 400) late.push(each);
      highest = Math.max(highest, each);
    }
    expect(late.length).toBeGreaterThan(40);
    expect(row).toEqual([String(late.length), String(late.reduce((sum, each) => sum + each, 0))]);
  });
});
