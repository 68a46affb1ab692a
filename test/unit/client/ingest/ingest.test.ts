import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import { parquetMetadata } from 'hyparquet';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ingest, type IngestOptions } from '../../../../client/ingest/ingest.ts';
import { FakeTarget, type StoredFile } from './fake-target.ts';

const MiB = 1024 * 1024;

describe('ingest', () => {
  let directory: string;
  let instance: DuckDBInstance;
  let kernel: DuckDBConnection;
  let fs: FakeTarget;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'quarry-ingest-test-'));
    instance = await DuckDBInstance.create(':memory:');
    kernel = await instance.connect();
    await kernel.run(`SET TimeZone = 'UTC'`);
    await kernel.run(
      `COPY (SELECT i AS id, hash(i)::VARCHAR || hash(i + 1)::VARCHAR AS noise, i % 7 AS part,
         TIMESTAMPTZ '2017-01-01 00:00:00+00' + to_minutes(i) AS seen_at, TIMESTAMP '2017-01-01 00:00:00' + to_minutes(i) AS clock
       FROM range(200000) t(i)) TO '${directory}/in.parquet' (FORMAT parquet)`,
    );
  });
  afterAll(() => {
    kernel.closeSync();
    instance.closeSync();
    rmSync(directory, { recursive: true });
  });
  beforeEach(() => {
    fs = new FakeTarget();
  });

  const run = (options: Partial<IngestOptions>) =>
    ingest({ fs, sources: [`${directory}/in.parquet`], destination: '/out', ...options });
  const query = async (sql: string) => {
    fs.dump(`${directory}/dump`);
    return (await kernel.runAndReadAll(sql.replaceAll('@', `${directory}/dump`))).getRowsJson();
  };
  const local = (name: string, content: string | Buffer) => {
    writeFileSync(join(directory, name), content);
    return join(directory, name);
  };

  function rowGroupsKeepWithinBlocks({ content, blockLengths }: StoredFile): number {
    const { row_groups: rowGroups } = parquetMetadata(new Uint8Array(content).buffer);
    let at = 0;
    const ends = blockLengths.map((length) => (at += length));
    expect(at).toBe(content.length);
    for (const { columns } of rowGroups) {
      const blocks = columns.map(({ meta_data: chunk }) => {
        const start = Number(chunk!.dictionary_page_offset ?? chunk!.data_page_offset);
        const end = start + Number(chunk!.total_compressed_size);
        const block = ends.findIndex((blockEnd) => blockEnd > start);
        expect(end).toBeLessThanOrEqual(ends[block]!);
        return block;
      });
      expect(new Set(blocks).size).toBe(1);
    }
    return rowGroups.length;
  }

  it('keeps each row group within one block, and all rows', async () => {
    const report = await run({ blockSizeBytes: MiB });
    expect(report.files).toEqual([expect.stringMatching(/^\/out\/part-00000-[0-9a-f-]{36}\.parquet$/)]);
    expect(report.rows).toBe(200_000);
    const file = fs.files.get(report.files[0]!)!;
    expect(file.blockLengths.length).toBeGreaterThanOrEqual(4);
    expect(Math.max(...file.blockLengths)).toBeLessThanOrEqual(MiB);
    expect(rowGroupsKeepWithinBlocks(file)).toBeGreaterThanOrEqual(4);
    expect(report.bytes).toBe(file.content.length);
    expect(
      await query(`SELECT count(*)::INT, sum(id)::BIGINT, min(seen_at)::VARCHAR FROM '@/out/*.parquet'`),
    ).toEqual([[200_000, String((200_000 * 199_999) / 2), '2017-01-01 00:00:00+00']]);
    expect([...fs.files.keys()]).toEqual(report.files);
    expect(fs.directories.has('/out/_temporary')).toBe(false);
    expect(fs.publishes).toBe(1);
  });

  it('bounds row groups by bytes', async () => {
    const report = await run({ rowGroupBytes: 200_000 });
    const file = fs.files.get(report.files[0]!)!;
    expect(file.blockLengths).toHaveLength(1);
    const { row_groups: groups } = parquetMetadata(new Uint8Array(file.content).buffer);
    for (const group of groups) expect(Number(group.total_compressed_size)).toBeLessThanOrEqual(200_000);
    expect(groups.length).toBeGreaterThan(10);
  });

  it('refuses a block that cannot hold the smallest row group', async () => {
    await expect(run({ blockSizeBytes: 10_000 })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(fs.files.size).toBe(0);
    expect(fs.directories.size).toBe(0);
  });

  it('partitions by a column as Hive does', async () => {
    const source = local('p.csv', 'k,v\na b,1\n"x/y=z",2\n,3\na b,4\n');
    const report = await run({ sources: [source], partitionBy: 'k' });
    expect(report.files.map((file) => file.replace(/part-.*/, ''))).toEqual([
      '/out/k=__HIVE_DEFAULT_PARTITION__/',
      '/out/k=a b/',
      '/out/k=x%2Fy%3Dz/',
    ]);
    expect(report.rows).toBe(4);
    expect(
      await query(
        `SELECT k, sum(v)::INT FROM read_parquet('@/out/**/*.parquet', hive_partitioning = true) GROUP BY k ORDER BY k NULLS LAST`,
      ),
    ).toEqual([
      ['a b', 5],
      ['x/y=z', 2],
      [null, 3],
    ]);
    expect(
      await query(`DESCRIBE SELECT * FROM read_parquet('@/out/*/*.parquet', hive_partitioning = false)`),
    ).toHaveLength(1);
  });

  it('writes plain dated folders that keep the column, with dates in the time zone', async () => {
    const source = local(
      'times.json',
      ['2017-01-01T03:00:00Z', '2017-01-01T12:00:00Z', '2017-01-02T02:00:00Z']
        .map((at) => `{"seen_at":"${at}"}\n`)
        .join(''),
    );
    const report = await run({
      sources: [source],
      partitionBy: { date: 'seen_at' },
      layout: '{date}/',
      timezone: 'America/New_York',
    });
    expect(report.files.map((file) => file.split('/')[2])).toEqual(['2016-12-31', '2017-01-01']);
    expect(
      await query(`SELECT count(seen_at)::INT, typeof(any_value(seen_at)) FROM '@/out/2017-01-01/*.parquet'`),
    ).toEqual([[2, 'TIMESTAMP WITH TIME ZONE']]);
  });

  it('takes the date of a zoneless time as it stands', async () => {
    const report = await run({ partitionBy: { date: 'clock' }, timezone: 'Asia/Seoul' });
    expect(report.files[0]).toMatch(/^\/out\/date=2017-01-01\//);
    expect(report.files).toHaveLength(139);
    const first = `read_parquet('@/out/date=2017-01-01/*.parquet', hive_partitioning = false)`;
    expect(
      await query(`SELECT count(*)::INT, min(clock)::VARCHAR, typeof(min(clock)) FROM ${first}`),
    ).toEqual([[1_440, '2017-01-01 00:00:00', 'TIMESTAMP']]);
  });

  it('adds to a directory that has files', async () => {
    await run({});
    await run({});
    expect(fs.files.size).toBe(2);
  });

  it('reads directories, globs and compressed files', async () => {
    mkdirSync(`${directory}/logs/deep/_hidden`, { recursive: true });
    local('logs/a.jsonl', '{"x":1}\n{"x":2}\n');
    local('logs/deep/b.jsonl.gz', gzipSync('{"x":3,"y":"z"}\n'));
    local('logs/deep/_hidden/c.jsonl', '{"x":100}\n');
    expect((await run({ sources: [`${directory}/logs`] })).rows).toBe(3);
    expect((await run({ sources: [`${directory}/logs/**/*.jsonl`], destination: '/glob' })).rows).toBe(3);
    expect(await query(`SELECT sum(x)::INT, max(y) FROM '@/out/*.parquet'`)).toEqual([[6, 'z']]);
  });

  it('reports its progress', async () => {
    const seen: number[] = [];
    await run({ partitionBy: 'part', onProgress: ({ rows }) => seen.push(rows) });
    expect(seen).toHaveLength(7);
    expect(seen.at(-1)).toBe(200_000);
  });

  it('leaves nothing behind when a write fails', async () => {
    fs.failAtFile = 3;
    await expect(run({ partitionBy: 'part' })).rejects.toMatchObject({ code: 'PIPELINE_FAILED' });
    expect(fs.files.size).toBe(0);
    expect(fs.directories.size).toBe(0);
    expect(fs.publishes).toBe(0);
  });

  it.each([
    ['a missing source', { sources: ['/nowhere/x.csv'] }, 'FILE_NOT_FOUND'],
    ['a glob that matches nothing', { sources: ['/nowhere/*.csv'] }, 'FILE_NOT_FOUND'],
    ['an unknown column', { partitionBy: 'none' }, 'ANALYSIS'],
    ['a date of a number', { partitionBy: { date: 'id' } }, 'INVALID_ARGUMENT'],
    ['a layout without the key', { partitionBy: { date: 'seen_at' }, layout: '{day}/' }, 'INVALID_ARGUMENT'],
    ['a layout without a partition', { layout: '{date}/' }, 'INVALID_ARGUMENT'],
    ['an unknown time zone', { timezone: 'Mars/Olympus' }, 'INVALID_ARGUMENT'],
  ] satisfies [string, Partial<IngestOptions>, string][])('refuses %s', async (_what, options, code) => {
    await expect(run(options)).rejects.toMatchObject({ code });
    expect(fs.files.size).toBe(0);
  });

  it('names the file and the line of bad data', async () => {
    const bad = local(
      'bad.csv',
      `a,b\n${Array.from({ length: 30_000 }, (_, i) => `${i},${i}\n`).join('')}x,y,z\n`,
    );
    await expect(run({ sources: [bad] })).rejects.toMatchObject({
      code: 'BAD_DATA',
      message: expect.stringMatching(/bad\.csv: .*Line: 30002/) as string,
    });
    const broken = local('broken.json', '{"a":1}\n{"a":\n');
    await expect(run({ sources: [broken] })).rejects.toMatchObject({
      code: 'BAD_DATA',
      message: expect.stringContaining('broken.json') as string,
    });
    const text = local('text.parquet', 'this is not Parquet, not at all');
    await expect(run({ sources: [text] })).rejects.toMatchObject({
      code: 'BAD_DATA',
      message: expect.stringContaining('text.parquet') as string,
    });
    expect(fs.files.size).toBe(0);
    expect(fs.directories.size).toBe(0);
  });

  it('refuses a file at the destination and mixed formats', async () => {
    await (await fs.create('/out', { blockSizeBytes: MiB })).close();
    await expect(run({})).rejects.toMatchObject({ code: 'NOT_A_DIRECTORY' });
    const csv = local('mixed.csv', 'a\n1\n');
    await expect(
      run({ destination: '/other', sources: [`${directory}/in.parquet`, csv] }),
    ).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('writes what Spark reads: microseconds, instants, decimals, text', async () => {
    await kernel.run(
      `COPY (SELECT TIMESTAMP_NS '2017-01-01 01:02:03.123456789' AS ns, TIMESTAMP_MS '2017-01-01 01:02:03.123' AS ms,
         TIMESTAMPTZ '2017-01-01 00:00:00+00' AS tz, uuid() AS u, TIME '01:02:03' AS t, 5::UTINYINT AS small)
       TO '${directory}/types.parquet' (FORMAT parquet)`,
    );
    await run({ sources: [`${directory}/types.parquet`] });
    const schema = await query(`SELECT name, type, logical_type FROM parquet_schema('@/out/*.parquet')`);
    const micros = (utc: number) =>
      expect.stringMatching(new RegExp(`isAdjustedToUTC=${utc}, .*MICROS=MicroSeconds`)) as string;
    expect(schema).toContainEqual(['ns', 'INT64', micros(0)]);
    expect(schema).toContainEqual(['ms', 'INT64', micros(0)]);
    expect(schema).toContainEqual(['tz', 'INT64', micros(1)]);
    expect(schema).toContainEqual(['u', 'BYTE_ARRAY', null]);
    expect(schema).toContainEqual(['t', 'BYTE_ARRAY', null]);
  });
});
