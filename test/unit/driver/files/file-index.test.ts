import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FileSystem } from '../../../../client/fs/file-system.ts';
import { FileIndex } from '../../../../driver/files/file-index.ts';
import { inferPartitionColumn, partitionValuesOf } from '../../../../driver/files/partition-columns.ts';
import { simpleString } from '../../../../driver/plan/types/simple-string.ts';

let directory: string;
let instance: DuckDBInstance;
let connection: DuckDBConnection;
// Local files take the same way from the listing on; the cluster's listing has tests with a cluster.
const index = new FileIndex({} as FileSystem);

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'quarry-files-test-'));
  instance = await DuckDBInstance.create(':memory:');
  connection = await instance.connect();
});
afterAll(async () => {
  connection.closeSync();
  instance.closeSync();
  await rm(directory, { recursive: true, force: true });
});

async function parquet(name: string, select: string): Promise<string> {
  const path = join(directory, name);
  await mkdir(join(path, '..'), { recursive: true });
  await connection.run(`COPY (${select}) TO '${path}' (FORMAT parquet)`);
  return pathToFileURL(path).href;
}

const resolve = (path: string, options: Record<string, string> = {}) =>
  index.resolve({ paths: [path], format: 'parquet', options });

describe('FileIndex', () => {
  it("reads Spark's type of every Parquet column", async () => {
    const path = await parquet(
      'types.parquet',
      `SELECT true AS boolean, 1::TINYINT AS byte, 1::SMALLINT AS short, 1::INTEGER AS integer, 1::BIGINT AS long,
        1::UTINYINT AS u8, 1::USMALLINT AS u16, 1::UINTEGER AS u32, 1::UBIGINT AS u64,
        1::FLOAT AS float, 1::DOUBLE AS double, 1::DECIMAL(4,2) AS d4, 1::DECIMAL(18,3) AS d18, 1::DECIMAL(38,10) AS d38,
        'x' AS string, 'x'::BLOB AS binary, DATE '2017-01-01' AS date,
        TIMESTAMPTZ '2017-01-01 00:00:00+00' AS timestamp, TIMESTAMP '2017-01-01' AS timestamp_ntz,
        [1, 2] AS list, [{'a': 1, 'b': [DATE '2017-01-01']}] AS nested, MAP {'k': 1.5::DOUBLE} AS map, {'x': 1, 'y': 'z'} AS struct`,
    );
    const { schema } = await resolve(path);
    expect(Object.fromEntries(schema.fields.map(({ name, type }) => [name, simpleString(type)]))).toEqual({
      boolean: 'boolean',
      byte: 'tinyint',
      short: 'smallint',
      integer: 'int',
      long: 'bigint',
      u8: 'smallint',
      u16: 'int',
      u32: 'bigint',
      u64: 'decimal(20,0)',
      float: 'float',
      double: 'double',
      d4: 'decimal(4,2)',
      d18: 'decimal(18,3)',
      d38: 'decimal(38,10)',
      string: 'string',
      binary: 'binary',
      date: 'date',
      timestamp: 'timestamp',
      timestamp_ntz: 'timestamp_ntz',
      list: 'array<int>',
      nested: 'array<struct<a:int,b:array<date>>>',
      map: 'map<string,double>',
      struct: 'struct<x:int,y:string>',
    });
    expect(schema.fields.every(({ nullable }) => nullable)).toBe(true);
  });

  it('refuses a column without a type in Spark, by name', async () => {
    await expect(resolve(await parquet('time.parquet', `SELECT TIME '01:02:03' AS t`))).rejects.toMatchObject(
      {
        code: 'UNSUPPORTED',
        message: expect.stringContaining('column t'),
      },
    );
  });

  it('finds files below directories, with the values their names give, and no hidden ones', async () => {
    for (const day of ['2017-01-01', '2017-01-02', '__HIVE_DEFAULT_PARTITION__']) {
      for (const store of ['7', '8']) {
        await parquet(`sales/day=${day}/store=${store}/part-0.parquet`, 'SELECT 1 AS amount');
      }
    }
    await writeFile(join(directory, 'sales/_SUCCESS'), '');
    await mkdir(join(directory, 'sales/_temporary/x'), { recursive: true });
    await writeFile(join(directory, 'sales/_temporary/x/part-9.parquet'), 'half');
    await writeFile(join(directory, 'sales/.crc'), '');
    const found = await resolve(pathToFileURL(join(directory, 'sales')).href);
    expect(found.partitionColumns).toEqual([
      { name: 'day', type: { kind: 'date' }, nullable: true },
      { name: 'store', type: { kind: 'integer' }, nullable: true },
    ]);
    expect(found.files.map(({ partitionValues }) => partitionValues)).toEqual([
      ['2017-01-01', '7'],
      ['2017-01-01', '8'],
      ['2017-01-02', '7'],
      ['2017-01-02', '8'],
      [null, '7'],
      [null, '8'],
    ]);
    const one = await resolve(pathToFileURL(join(directory, 'sales/day=2017-01-01')).href);
    expect(one.partitionColumns.map(({ name }) => name)).toEqual(['store']);
  });

  it("takes the first file's schema, or all of them merged", async () => {
    await parquet('evolved/a.parquet', 'SELECT 1 AS x');
    await parquet('evolved/b.parquet', `SELECT 1 AS x, 'new' AS y`);
    const path = pathToFileURL(join(directory, 'evolved')).href;
    expect((await resolve(path)).schema.fields.map(({ name }) => name)).toEqual(['x']);
    expect((await resolve(path, { mergeSchema: 'true' })).schema.fields.map(({ name }) => name)).toEqual([
      'x',
      'y',
    ]);
    await parquet('evolved/c.parquet', `SELECT 'text' AS x`);
    await expect(resolve(path, { mergeSchema: 'true' })).rejects.toMatchObject({ code: 'ANALYSIS' });
  });

  it('says what is wrong: no such path, no Parquet, nothing there, another format', async () => {
    await expect(resolve(pathToFileURL(join(directory, 'nowhere')).href)).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
      details: { errorClass: 'PATH_NOT_FOUND' },
    });
    await writeFile(join(directory, 'text.parquet'), 'this is text, not Parquet');
    await expect(resolve(pathToFileURL(join(directory, 'text.parquet')).href)).rejects.toMatchObject({
      code: 'BAD_DATA',
      message: expect.stringContaining('text.parquet'),
    });
    await writeFile(
      join(directory, 'damaged.parquet'),
      `PAR1${'\xff'.repeat(40)}\x10\x00\x00\x00PAR1`,
      'latin1',
    );
    await expect(resolve(pathToFileURL(join(directory, 'damaged.parquet')).href)).rejects.toMatchObject({
      code: 'BAD_DATA',
    });
    await mkdir(join(directory, 'empty'));
    await expect(resolve(pathToFileURL(join(directory, 'empty')).href)).rejects.toMatchObject({
      code: 'ANALYSIS',
      details: { errorClass: 'UNABLE_TO_INFER_SCHEMA' },
    });
    await expect(index.resolve({ paths: ['/a'], format: 'orc', options: {} })).rejects.toMatchObject({
      code: 'UNSUPPORTED',
    });
  });
});

describe('partition columns', () => {
  it('are read from the directories below the base, unescaped', () => {
    expect([
      ...partitionValuesOf('/t', '/t/a=x%2Fy/b=%20/plain/c=__HIVE_DEFAULT_PARTITION__/f=1.parquet'),
    ]).toEqual([
      ['a', 'x/y'],
      ['b', ' '],
      ['c', null],
    ]);
  });

  it.each([
    [['1', '-2', null], 'int'],
    [['1', '3000000000'], 'bigint'],
    [['1', '2.5'], 'double'],
    [['2017-01-01', null], 'date'],
    [['2017-01-01', '2017-02-30'], 'string'],
    [['2017-01-01 10:00:00'], 'timestamp'],
    [['1', 'a'], 'string'],
    [[null], 'string'],
  ])('of %j are %s', (values, type) => {
    expect(simpleString(inferPartitionColumn('p', values).type)).toBe(type);
  });
});
