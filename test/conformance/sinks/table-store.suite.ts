import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type {
  TableColumn,
  TableStore,
  TableValue,
  TableWrite,
  WriteKey,
} from '../../../sinks/table-store.ts';

export interface TableHarness {
  readonly tables: TableStore;
  kill(): Promise<void>;
  start(): Promise<void>;
  dispose(): Promise<void>;
  /** Names of tables that a dead writer would leave. */
  leftovers(): Promise<string[]>;
}

const COLUMNS: readonly TableColumn[] = [
  { name: 'ds', type: 'string', nullable: false },
  { name: 'product', type: 'bigint', nullable: true },
  { name: 'amount', type: 'decimal(12,2)', nullable: true },
];

type Row = readonly TableValue[];

/** What every TableStore keeps. */
export function describeTableStore(name: string, make: () => Promise<TableHarness>): void {
  describe(`tables in ${name}`, () => {
    let harness: TableHarness;
    let tables: TableStore;
    let table = '';
    let count = 0;

    beforeAll(async () => {
      harness = await make();
      tables = harness.tables;
    });
    afterAll(() => harness?.dispose());
    beforeEach(() => {
      table = `sales_${count++}`;
    });

    const run = (runId: string, ordinal = 0): WriteKey => ({
      kind: 'run',
      dag: 'nightly',
      task: 'rank',
      runId,
      ordinal,
    });
    const stream = (epoch: number, batchId: number): WriteKey => ({
      kind: 'stream',
      queryId: `q-${table}`,
      epoch,
      batchId,
    });
    const write = (rows: readonly Row[], more: Partial<TableWrite> = {}) =>
      tables.write(target(more), batchesOf(rows, 3));
    const target = (more: Partial<TableWrite> = {}): TableWrite => ({
      table,
      columns: COLUMNS,
      mode: 'append',
      truncate: false,
      key: undefined,
      replaceKeys: [],
      batchRows: 1000,
      ...more,
    });
    const all = async () =>
      (await tables.query(`SELECT ds, product, amount FROM ${table} ORDER BY 1, 2, 3`)).map((row) =>
        ['ds', 'product', 'amount'].map((column) => String(row[column])).join(' '),
      );
    const day = (ds: string, ...products: number[]): Row[] =>
      products.map((product) => [ds, String(product), '1.50']);

    it('makes a table, appends to it, and reads it with its types', async () => {
      expect(await write(day('d1', 1, 2))).toEqual({ outcome: 'written', rowCount: 2 });
      expect(await write(day('d2', 3))).toEqual({ outcome: 'written', rowCount: 1 });
      expect(await all()).toEqual(['d1 1 1.50', 'd1 2 1.50', 'd2 3 1.50']);
      expect(
        await tables.query(`SELECT product FROM ${table} WHERE ds = ? AND product > ?`, ['d1', 1]),
      ).toEqual([{ product: '2' }]);
    });

    it('writes no rows: the table is there', async () => {
      expect(await write([])).toEqual({ outcome: 'written', rowCount: 0 });
      expect(await all()).toEqual([]);
    });

    it('round-trips every type, to the digit', async () => {
      const columns: TableColumn[] = [
        ['b', 'boolean'],
        ['t', 'tinyint'],
        ['s', 'smallint'],
        ['i', 'int'],
        ['l', 'bigint'],
        ['f', 'float'],
        ['d', 'double'],
        ['m', 'decimal(38,10)'],
        ['x', 'string'],
        ['y', 'binary'],
        ['day', 'date'],
        ['at', 'timestamp'],
        ['local', 'timestamp_ntz'],
      ].map(([column, type]) => ({ name: column!, type: type!, nullable: true }));
      const rows: Row[] = [
        [
          true,
          -128,
          32767,
          -2147483648,
          '-9223372036854775808',
          Math.fround(0.1),
          0.1 + 0.2,
          '1234567890123456789012345678.0123456789',
          'a\'b"c\\d\n\0 ключ \u{1f600}',
          Buffer.from([0, 255, 39, 92]),
          '2024-02-29',
          '2026-03-29 01:30:00.000001',
          '1001-01-01 23:59:59.999999',
        ],
        columns.map(() => null),
        [
          false,
          127,
          -32768,
          0,
          '9223372036854775807',
          Math.fround(3e38),
          -1.5e300,
          '-0.0000000001',
          '',
          Buffer.alloc(0),
          '9999-12-31',
          '1999-12-31T23:59:59Z',
          '2026-10-25 02:30:00',
        ],
      ];
      await tables.write(target({ columns }), batchesOf(rows, 2));
      const { columns: read, batches } = await tables.read(`SELECT * FROM ${table} ORDER BY l IS NULL, l`);
      expect(read.map(({ name: column, type }) => [column, type])).toEqual(
        columns.map(({ name: column, type }) => [column, type]),
      );
      expect(await tables.describe(table)).toEqual(read);
      const found: Row[] = [];
      for await (const batch of batches) found.push(...batch);
      const [first, nulls, last] = [found[0]!, found[2]!, found[1]!];
      expect(first.slice(0, 11)).toEqual(rows[0]!.slice(0, 11));
      expect(String(first[11])).toBe('2026-03-29 01:30:00.000001');
      expect(String(first[12])).toBe('1001-01-01 23:59:59.999999');
      expect(nulls).toEqual(columns.map(() => null));
      expect(last.slice(0, 11)).toEqual(rows[2]!.slice(0, 11));
      expect(String(last[11])).toMatch(/^1999-12-31 23:59:59(\.0+)?$/);
      expect(String(last[12])).toMatch(/^2026-10-25 02:30:00(\.0+)?$/);
    });

    it('skips a write of a key that is committed, and touches nothing', async () => {
      expect((await write(day('d1', 1), { key: run('r1') })).outcome).toBe('written');
      expect(await write(day('d1', 9), { key: run('r1') })).toEqual({ outcome: 'skipped', rowCount: 1 });
      expect((await write(day('d1', 2), { key: run('r1', 1) })).outcome).toBe('written');
      expect((await write(day('d1', 3), { key: run('r2') })).outcome).toBe('written');
      expect(await all()).toEqual(['d1 1 1.50', 'd1 2 1.50', 'd1 3 1.50']);
    });

    it('skips a keyed write of every mode', async () => {
      for (const [at, mode] of (['errorifexists', 'overwrite', 'ignore'] as const).entries()) {
        const key = run(`m-${table}`, at);
        table = `sales_mode_${count++}`;
        expect((await write(day('d1', 1), { key, mode })).outcome).toBe('written');
        await write(day('d1', 2));
        expect((await write(day('d1', 9), { key, mode })).outcome).toBe('skipped');
        expect(await all()).toEqual(['d1 1 1.50', 'd1 2 1.50']);
      }
    });

    it('replaces what another run of the date has written', async () => {
      await write([...day('d1', 1, 2), ...day('d2', 5), ['D1', null, null]]);
      const replaced = await write(day('d1', 7, 8), { key: run(`b-${table}`), replaceKeys: ['ds'] });
      expect(replaced).toEqual({ outcome: 'written', rowCount: 2 });
      expect(await all()).toEqual(['D1 null null', 'd1 7 1.50', 'd1 8 1.50', 'd2 5 1.50']);
    });

    it('replaces by several columns, nulls among them', async () => {
      const keys = ['ds', 'product'];
      await write([...day('d1', 1, 2), ['d1', null, '9.00']], { replaceKeys: keys });
      await write([['d1', null, '5.00'], ...day('d1', 2)], { replaceKeys: keys });
      expect((await all()).toSorted()).toEqual(['d1 1 1.50', 'd1 2 1.50', 'd1 null 5.00']);
    });

    it('takes batches of a query in turn, each once, and shuts out the older start', async () => {
      expect((await write(day('d1', 1), { key: stream(1, 0) })).outcome).toBe('written');
      expect((await write(day('d1', 2), { key: stream(1, 1) })).outcome).toBe('written');
      expect((await write(day('d1', 9), { key: stream(1, 0) })).outcome).toBe('skipped');
      expect((await write(day('d1', 9), { key: stream(2, 1) })).outcome).toBe('skipped');
      await expect(write(day('d1', 9), { key: stream(1, 2) })).rejects.toMatchObject({ code: 'FENCED' });
      expect((await write(day('d1', 3), { key: stream(2, 2) })).outcome).toBe('written');
      expect(await all()).toEqual(['d1 1 1.50', 'd1 2 1.50', 'd1 3 1.50']);
    });

    it('overwrites: with truncate the definition stays', async () => {
      await write(day('d1', 1));
      expect((await write(day('d2', 2, 3), { mode: 'overwrite', truncate: true })).rowCount).toBe(2);
      expect(await all()).toEqual(['d2 2 1.50', 'd2 3 1.50']);
      const columns: TableColumn[] = [{ name: 'only', type: 'int', nullable: true }];
      await tables.write(target({ columns, mode: 'overwrite' }), batchesOf([[5]], 1));
      expect(await tables.query(`SELECT * FROM ${table}`)).toEqual([{ only: 5 }]);
    });

    it('refuses or ignores a table that exists', async () => {
      expect((await write(day('d1', 1), { mode: 'errorifexists' })).rowCount).toBe(1);
      await expect(write(day('d1', 2), { mode: 'errorifexists' })).rejects.toMatchObject({
        code: 'TABLE_EXISTS',
      });
      expect(await write(day('d1', 2), { mode: 'ignore' })).toEqual({ outcome: 'written', rowCount: 0 });
      expect(await all()).toEqual(['d1 1 1.50']);
    });

    it('writes nothing when the rows fail half way', async () => {
      await write(day('d1', 1));
      async function* failing(): AsyncGenerator<Row[]> {
        yield day('d1', 2, 3);
        throw new Error('the query failed');
      }
      for (const mode of ['append', 'overwrite'] as const) {
        await expect(tables.write(target({ mode, key: run(`f-${table}`) }), failing())).rejects.toThrow(
          'the query failed',
        );
      }
      expect(await all()).toEqual(['d1 1 1.50']);
      expect((await write(day('d1', 2), { key: run(`f-${table}`) })).outcome).toBe('written');
      expect(await harness.leftovers()).toEqual([]);
    });

    it('writes nothing when a value does not fit', async () => {
      await write(day('d1', 1));
      const bad: Row[] = [...day('d1', 2), ['d1', 'no number', '1.00']];
      await expect(write(bad)).rejects.toMatchObject({ code: 'BAD_DATA' });
      await expect(write([['d1', '99999999999999999999', '1.00']])).rejects.toMatchObject({
        code: 'BAD_DATA',
      });
      await expect(write([[null, '1', '1.00']])).rejects.toMatchObject({ code: 'BAD_DATA' });
      expect(await all()).toEqual(['d1 1 1.50']);
    });

    it('refuses columns that the table does not have, and keys that are no columns', async () => {
      await write(day('d1', 1));
      const columns: TableColumn[] = [...COLUMNS, { name: 'extra', type: 'int', nullable: true }];
      await expect(
        tables.write(target({ columns }), batchesOf([['d1', '1', '1', 1]], 1)),
      ).rejects.toMatchObject({
        code: 'ANALYSIS',
        message: expect.stringContaining('extra'),
      });
      await expect(write(day('d1', 1), { replaceKeys: ['day'] })).rejects.toMatchObject({ code: 'ANALYSIS' });
      await expect(write(day('d1', 1), { table: 'a.b.c' })).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
      });
      const nested: TableColumn[] = [{ name: 'a', type: 'array<int>', nullable: true }];
      await expect(
        tables.write(target({ table: `${table}_n`, columns: nested }), batchesOf([], 1)),
      ).rejects.toMatchObject({
        code: 'UNSUPPORTED',
      });
    });

    it('appends by name, whatever the order and the case', async () => {
      await write(day('d1', 1));
      const columns = [COLUMNS[2]!, { ...COLUMNS[0]!, name: 'DS' }];
      await tables.write(target({ columns }), batchesOf([['2.25', 'd2']], 1));
      expect(await all()).toEqual(['d1 1 1.50', 'd2 null 2.25']);
    });

    it('lets one of two attempts of a write win', async () => {
      await write([]);
      const outcomes = await Promise.all(
        Array.from({ length: 5 }, (_, at) =>
          write(day('d1', at), { key: run(`c-${table}`), replaceKeys: ['ds'] }),
        ),
      );
      expect(outcomes.filter(({ outcome }) => outcome === 'written')).toHaveLength(1);
      expect(await all()).toHaveLength(1);
    });

    it('takes writes of many keys at once', async () => {
      await write([]);
      await Promise.all(
        Array.from({ length: 6 }, (_, at) => write(day('d', at), { key: run(`p-${table}`, at) })),
      );
      expect(await all()).toHaveLength(6);
    });

    it('takes many rows without holding them', async () => {
      const columns: TableColumn[] = [
        { name: 'id', type: 'bigint', nullable: false },
        { name: 'name', type: 'string', nullable: true },
      ];
      const rowCount = 100_000;
      async function* rows(): AsyncGenerator<Row[]> {
        for (let at = 0; at < rowCount; at += 1000) {
          yield Array.from({ length: 1000 }, (_, i) => [String(at + i), `name of ${at + i}`]);
        }
      }
      expect(await tables.write(target({ columns, key: run(`l-${table}`) }), rows())).toEqual({
        outcome: 'written',
        rowCount,
      });
      const { batches } = await tables.read(`SELECT id FROM ${table}`);
      let seen = 0;
      for await (const batch of batches) seen += batch.length;
      expect(seen).toBe(rowCount);
      const left = await tables.read(`SELECT id FROM ${table}`);
      for await (const _ of left.batches) break;
      expect(await tables.query(`SELECT count(*) AS n FROM ${table}`)).toEqual([{ n: String(rowCount) }]);
    }, 60_000);

    it('says what is wrong with a query', async () => {
      await expect(tables.query('SELECT * FROM no_such_table')).rejects.toMatchObject({ code: 'ANALYSIS' });
      await expect(tables.query('SELEKT 1')).rejects.toMatchObject({ code: 'PARSE' });
      await expect(tables.describe('no_such_table')).rejects.toMatchObject({ code: 'ANALYSIS' });
    });

    it('says TABLES_UNAVAILABLE while the server is away, and counts each write once however often it is killed', async () => {
      await write([]);
      await harness.kill();
      await expect(write(day('d1', 1))).rejects.toMatchObject({
        code: 'TABLES_UNAVAILABLE',
        reaction: 'retry',
      });
      await expect(tables.query('SELECT 1')).rejects.toMatchObject({ code: 'TABLES_UNAVAILABLE' });
      await harness.start();
      let isDone = false;
      const killing = (async () => {
        for (let round = 0; round < 3; round++) {
          await new Promise((resolve) => setTimeout(resolve, 400 + 130 * round));
          await harness.kill();
          await harness.start();
        }
        isDone = true;
      })();
      let ordinal = 0;
      const mode = (at: number) =>
        at % 5 === 4 ? ({ mode: 'overwrite', truncate: at % 2 === 0 } as const) : {};
      for (; !isDone || ordinal < 12; ordinal++) {
        for (;;) {
          try {
            await write(day('d1', ordinal), { key: run(`k-${table}`, ordinal), ...mode(ordinal) });
            break;
          } catch (thrown) {
            expect(thrown).toMatchObject({ code: 'TABLES_UNAVAILABLE' });
            await new Promise((resolve) => setTimeout(resolve, 100));
          }
        }
      }
      await killing;
      const lastOverwrite = ordinal - 1 - (ordinal % 5);
      const expected = Array.from({ length: ordinal - lastOverwrite }, (_, at) => lastOverwrite + at);
      const found = await tables.query(`SELECT product FROM ${table} ORDER BY product`);
      expect(found.map((row) => Number(row['product']))).toEqual(expected);
      await write([], { key: run(`after-${table}`) });
      expect(await harness.leftovers()).toEqual([]);
    }, 60_000);
  });
}

export async function* batchesOf(rows: readonly Row[], size: number): AsyncGenerator<Row[]> {
  for (let at = 0; at < rows.length; at += size) yield rows.slice(at, at + size);
}
