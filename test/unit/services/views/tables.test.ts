import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SystemClock } from '../../../../common/seams/clock.ts';
import { Tables } from '../../../../services/views/tables.ts';
import type { TableWrite } from '../../../../sinks/table-store.ts';

let directory: string;
let tables: Tables;
let monoMs = 0;
let sweep: () => void = () => undefined;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'quarry-tables-'));
  const clock = Object.assign(new SystemClock(), {
    monoMs: () => monoMs,
    setTimer: (_: number, run: () => void) => {
      sweep = run;
      return { cancel: () => undefined };
    },
  });
  tables = new Tables({ directory, clock, memoryLimitBytes: 128 * 1024 * 1024 });
});
afterEach(async () => {
  await tables.close();
  await rm(directory, { recursive: true, force: true });
});

const write: TableWrite = {
  table: 't',
  columns: [{ name: 'a', type: 'bigint', nullable: true }],
  mode: 'append',
  truncate: false,
  key: undefined,
  replaceKeys: [],
  batchRows: 1,
};
const rows = (...values: number[]) => Buffer.from(JSON.stringify(values.map((value) => [String(value)])));
const read = async (sql: string) => {
  const found: unknown[] = [];
  for await (const { rows: batch } of tables.read('db', sql, [])) found.push(...batch.flat());
  return found;
};

describe('tables in DuckDB', () => {
  it('writes a message once, however often it is sent, and a commit too', async () => {
    await tables.begin('db', write, 'w');
    await tables.add('w', 0, rows(1));
    await tables.add('w', 0, rows(1));
    await tables.add('w', 1, rows(2));
    await expect(tables.add('w', 3, rows(9))).rejects.toMatchObject({ code: 'TABLES_UNAVAILABLE' });
    await expect(tables.commit('w', 3)).rejects.toMatchObject({ code: 'TABLES_UNAVAILABLE' });
    const written = { outcome: 'written', rowCount: 2 };
    expect(await tables.commit('w', 2)).toEqual(written);
    expect(await tables.commit('w', 2)).toEqual(written);
    expect(await read('SELECT a FROM t ORDER BY a')).toEqual(['1', '2']);
  });

  it('forgets a writer that is silent for a minute', async () => {
    await tables.begin('db', write, 'w');
    monoMs += 59_000;
    sweep();
    await tables.add('w', 0, rows(1));
    monoMs += 61_000;
    sweep();
    await expect(tables.add('w', 1, rows(2))).rejects.toMatchObject({ code: 'TABLES_UNAVAILABLE' });
    expect(await read("SELECT count(*) FROM duckdb_tables() WHERE table_name = 't'")).toEqual(['0']);
  });

  it.each([
    "SELECT * FROM read_text('/etc/hostname')",
    "COPY (SELECT 1) TO '/tmp/quarry-x'",
    "ATTACH '/tmp/quarry-x' AS x",
    'SET enable_external_access = true',
  ])('lets no statement out: %s', async (sql) => {
    await expect(read(sql)).rejects.toMatchObject({ name: 'QuarryError' });
  });

  it.each(['', '../x', 'a/b', 'temp', 'x'.repeat(65)])('refuses %j as a database', async (name) => {
    await expect(tables.begin(name, write, 'w')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('takes the database for a schema, as MySQL does', async () => {
    await tables.begin('db', { ...write, table: 'db.t' }, 'w');
    await tables.add('w', 0, rows(7));
    await tables.commit('w', 1);
    expect(await read('SELECT a FROM t')).toEqual(['7']);
    expect(await read('SELECT a FROM db.t')).toEqual(['7']);
    await tables.begin('db', { ...write, table: 'other.t' }, 'w2');
    await tables.commit('w2', 0);
    expect(await read('SELECT count(*) FROM other.t')).toEqual(['0']);
  });
});
