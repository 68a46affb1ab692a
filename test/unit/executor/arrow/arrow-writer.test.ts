import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { type Table, tableFromIPC } from 'apache-arrow';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ArrowWriter } from '../../../../executor/arrow/arrow-writer.ts';
import type { ColumnInput } from '../../../../proto/gen/quarry/Column.ts';
import type { ColumnTypeInput } from '../../../../proto/gen/quarry/ColumnType.ts';

let connection: DuckDBConnection;
let instance: DuckDBInstance;
beforeAll(async () => {
  instance = await DuckDBInstance.create(':memory:');
  connection = await instance.connect();
  await connection.run(`SET TimeZone = 'UTC'`);
});
afterAll(() => {
  connection.closeSync();
  instance.closeSync();
});

async function write(sql: string, columns: ColumnInput[]): Promise<{ batches: Buffer[]; rows: number }> {
  const result = await connection.stream(sql);
  const writer = new ArrowWriter(columns, 'UTC');
  writer.checkTypes(result);
  const batches: Buffer[] = [];
  let rows = 0;
  for (let chunk = await result.fetchChunk(); chunk?.rowCount; chunk = await result.fetchChunk()) {
    writer.append(chunk);
    rows += chunk.rowCount;
    if (writer.isFull) batches.push(writer.finishBatch().data);
  }
  batches.push(writer.finishBatch().data);
  return { batches, rows };
}

async function table(sql: string, columns: ColumnInput[]): Promise<Table> {
  const { batches } = await write(sql, columns);
  expect(batches).toHaveLength(1);
  return tableFromIPC(batches[0]!);
}

const column = (kind: string, more: Partial<ColumnTypeInput> = {}): ColumnInput => ({
  name: kind,
  nullable: true,
  type: { kind, ...more },
});
const named = (name: string, type: ColumnInput): ColumnInput => ({ ...type, name });

describe('ArrowWriter', () => {
  it('writes every scalar type with its nulls', async () => {
    const read = await table(
      `SELECT * FROM (VALUES
        (true, 1::TINYINT, 2::SMALLINT, 3::INTEGER, 9007199254740993::BIGINT, 1.5::FLOAT, -2.25::DOUBLE, 'short', 'a text of more than twelve bytes é', '\\xAB\\x00'::BLOB, DATE '2017-03-04'),
        (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
        (false, -1::TINYINT, -2::SMALLINT, -3::INTEGER, -4::BIGINT, 'nan'::FLOAT, 'inf'::DOUBLE, '', 'x', ''::BLOB, DATE '0001-01-01'))`,
      ['boolean', 'byte', 'short', 'integer', 'long', 'float', 'double']
        .map((kind) => column(kind))
        .concat([
          named('s1', column('string')),
          named('s2', column('string')),
          column('binary'),
          column('date'),
        ]),
    );
    const rows = read.toArray().map((row) => row.toJSON());
    expect(rows[0]).toMatchObject({
      boolean: true,
      byte: 1,
      short: 2,
      integer: 3,
      long: 9007199254740993n,
      float: 1.5,
      double: -2.25,
      s1: 'short',
      s2: 'a text of more than twelve bytes é',
    });
    expect([...(rows[0]!['binary'] as Uint8Array)]).toEqual([0xab, 0]);
    expect(new Date(Number(rows[0]!['date'])).toISOString()).toBe('2017-03-04T00:00:00.000Z');
    expect(Object.values(rows[1]!).every((value) => value === null)).toBe(true);
    expect(rows[2]).toMatchObject({ boolean: false, byte: -1, s1: '', s2: 'x', double: Infinity });
    expect(rows[2]!['float']).toBeNaN();
    expect(read.schema.fields.map((field) => String(field.type))).toEqual([
      'Bool',
      'Int8',
      'Int16',
      'Int32',
      'Int64',
      'Float32',
      'Float64',
      'Utf8',
      'Utf8',
      'Binary',
      'Date32<DAY>',
    ]);
  });

  it('widens every decimal to 128 bits', async () => {
    const read = await table(
      `SELECT a::DECIMAL(4,2) a, b::DECIMAL(9,2) b, c::DECIMAL(18,3) c, d::DECIMAL(38,10) d FROM (VALUES
        (-12.34, 1234567.89, -123456789012345.678, 1234567890123456789012345678.0123456789), (NULL, NULL, NULL, NULL), (0, -0.01, 1, -1))
        t(a, b, c, d)`,
      [
        [4, 2],
        [9, 2],
        [18, 3],
        [38, 10],
      ].map(([precision, scale], index) =>
        named('abcd'[index]!, column('decimal', { precision: precision!, scale: scale! })),
      ),
    );
    const text = (index: number) =>
      [...read.getChildAt(index)!].map((value) => (value === null ? null : toBigInt(value as Uint32Array)));
    expect(text(0)).toEqual([-1234n, null, 0n]);
    expect(text(1)).toEqual([123456789n, null, -1n]);
    expect(text(2)).toEqual([-123456789012345678n, null, 1000n]);
    expect(text(3)).toEqual([12345678901234567890123456780123456789n, null, -10000000000n]);
    expect(String(read.schema.fields[3]!.type)).toBe('Decimal[38e+10]');
  });

  it('tells instants from zoneless times, and the three intervals', async () => {
    const read = await table(
      `SELECT TIMESTAMPTZ '2017-06-01 12:00:00.123456+02' AS t, TIMESTAMP '2017-06-01 12:00:00.5' AS n,
        INTERVAL '1 day 2 seconds' AS d, INTERVAL '14 months' AS y, INTERVAL '1 month 2 days 3 microseconds' AS c`,
      [
        named('t', column('timestamp')),
        named('n', column('timestamp_ntz')),
        named('d', column('day_time_interval')),
        named('y', column('year_month_interval')),
        named('c', column('calendar_interval')),
      ],
    );
    expect(read.schema.fields.map((field) => String(field.type))).toEqual([
      'Timestamp<MICROSECOND, UTC>',
      'Timestamp<MICROSECOND>',
      'Duration<MICROSECOND>',
      'Interval<YEAR_MONTH>',
      'Interval<MONTH_DAY_NANO>',
    ]);
    const data = (index: number) => read.data[0]!.children[index]!.values as BigInt64Array | Int32Array;
    expect(data(0)[0]).toBe(1_496_311_200_123_456n);
    expect(data(1)[0]).toBe(1_496_318_400_500_000n);
    expect(data(2)[0]).toBe(86_402_000_000n);
    expect(data(3)[0]).toBe(14);
    expect([...data(4)].slice(0, 4)).toEqual([1, 2, 3000, 0]);
  });

  it('recurses into lists, structs and maps', async () => {
    const element = { name: 'element', nullable: true, type: { kind: 'string' } };
    const struct: ColumnInput = {
      name: 's',
      nullable: true,
      type: {
        kind: 'struct',
        fields: [
          { name: 'a', nullable: true, type: { kind: 'integer' } },
          { name: 'l', nullable: true, type: { kind: 'array', fields: [element] } },
        ],
      },
    };
    const read = await table(
      `SELECT * FROM (VALUES
        (['one', NULL, 'a text of more than twelve bytes'], {'a': 1, 'l': ['x', 'y']}, MAP {'k': 1.5, 'm': NULL}),
        (NULL, NULL, NULL),
        ([], {'a': NULL, 'l': NULL}, MAP {}),
        (['last'], {'a': 4, 'l': []}, MAP {'z': -1.0})) t(l, s, m)`
        .replace('1.5', '1.5::DOUBLE')
        .replace('-1.0', '-1.0::DOUBLE'),
      [
        { name: 'l', nullable: true, type: { kind: 'array', fields: [element] } },
        struct,
        {
          name: 'm',
          nullable: true,
          type: {
            kind: 'map',
            fields: [{ type: { kind: 'string' } }, { nullable: true, type: { kind: 'double' } }],
          },
        },
      ],
    );
    expect(JSON.parse(JSON.stringify(read.toArray()))).toEqual([
      {
        l: ['one', null, 'a text of more than twelve bytes'],
        s: { a: 1, l: ['x', 'y'] },
        m: { k: 1.5, m: null },
      },
      { l: null, s: null, m: null },
      { l: [], s: { a: null, l: null }, m: {} },
      { l: ['last'], s: { a: 4, l: [] }, m: { z: -1 } },
    ]);
  });

  it('sends an empty batch with its schema when there are no rows', async () => {
    const read = await table('SELECT 1 AS a WHERE false', [column('integer')]);
    expect(read.numRows).toBe(0);
    expect(read.schema.fields[0]!.name).toBe('integer');
  });

  it('agrees with the kernel over many chunks, filtered rows and shared strings', async () => {
    const sql = `SELECT i, CASE WHEN i % 7 = 0 THEN NULL ELSE 'value number ' || (i % 50) END AS s, [i, i + 1][1:(i % 3)] AS l
      FROM range(300000) t(i) WHERE i % 3 <> 1`;
    const { batches, rows } = await write(sql, [
      named('i', column('long')),
      named('s', column('string')),
      {
        name: 'l',
        nullable: true,
        type: { kind: 'array', fields: [{ nullable: true, type: { kind: 'long' } }] },
      },
    ]);
    expect(batches.length).toBeGreaterThan(1);
    const seen: string[] = [];
    for (const batch of batches) {
      for (const row of tableFromIPC(batch)) {
        seen.push(`${row['i']}|${row['s'] ?? 'null'}|${[...row['l']].join(',')}`);
      }
    }
    const expected = await (
      await connection.run(
        `SELECT i || '|' || coalesce(s, 'null') || '|' || array_to_string(l, ',') FROM (${sql})`,
      )
    ).getRowsJS();
    expect(rows).toBe(200_000);
    expect(seen).toEqual(expected.map((row) => row[0]));
  });

  it('refuses vectors of another type than planned', async () => {
    await expect(write('SELECT 1::BIGINT AS a', [column('integer')])).rejects.toThrow(
      /integer in the plan and BIGINT/,
    );
  });
});

function toBigInt(words: Uint32Array): bigint {
  const value = words.reduceRight((sum, word) => (sum << 32n) | BigInt(word), 0n);
  return BigInt.asIntN(128, value);
}
