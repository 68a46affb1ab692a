import { afterAll, beforeAll, expect, it } from 'vitest';
import { PlanFixture } from '../plan-fixture.ts';

let fixture: PlanFixture;
let seoul: PlanFixture;

beforeAll(async () => {
  fixture = await PlanFixture.open();
  seoul = await PlanFixture.open({ timeZone: 'Asia/Seoul' });
});
afterAll(() => {
  fixture.close();
  seoul.close();
});

/** Answers of Spark 4.0.1. */
const CASES: readonly (readonly [sql: string, value: unknown, type: string])[] = [
  [`from_json('{"a":1, "b":0.8}', 'a INT, b DOUBLE')`, { a: 1, b: 0.8 }, 'struct<a:int,b:double>'],
  [`from_json('{"a":1', 'a INT, b DOUBLE')`, { a: null, b: null }, 'struct<a:int,b:double>'],
  [`from_json('', 'a INT')`, { a: null }, 'struct<a:int>'],
  [`from_json(CAST(NULL AS STRING), 'a INT')`, null, 'struct<a:int>'],
  [`from_json('[1]', 'a INT')`, { a: null }, 'struct<a:int>'],
  [`from_json('{"a":"1","b":1.5}', 'a INT, b BIGINT')`, { a: null, b: null }, 'struct<a:int,b:bigint>'],
  [
    `from_json('{"a":"1.5","b":"x"}', 'a DOUBLE, b STRING')`,
    { a: null, b: 'x' },
    'struct<a:double,b:string>',
  ],
  [
    `from_json('{"a":1,"b":true}', 'a BOOLEAN, b BOOLEAN')`,
    { a: null, b: true },
    'struct<a:boolean,b:boolean>',
  ],
  [
    `from_json('{"a":{"x":[1,2]},"b":7}', 'a STRING, b STRING')`,
    { a: '{"x":[1,2]}', b: '7' },
    'struct<a:string,b:string>',
  ],
  [`from_json('{"a":300}', 'a TINYINT')`, { a: null }, 'struct<a:tinyint>'],
  [
    `from_json('{"a":12.345,"b":"7.1"}', 'a DECIMAL(10,2), b DECIMAL(3,1)')`,
    { a: '12.35', b: '7.1' },
    'struct<a:decimal(10,2),b:decimal(3,1)>',
  ],
  [`from_json('{"A":1}', 'a INT')`, { a: null }, 'struct<a:int>'],
  [`from_json('{"a":[1,"x",3]}', 'a ARRAY<INT>')`, { a: [1, null, 3] }, 'struct<a:array<int>>'],
  [`from_json('{"a":{"b":{"c":"d"}}}', 'a STRUCT<b: STRUCT<c: STRING>>').a.b.c`, 'd', 'string'],
  [`from_json('[{"a":1},{"a":2}]', 'ARRAY<STRUCT<a: INT>>')`, [{ a: 1 }, { a: 2 }], 'array<struct<a:int>>'],
  [`from_json('{"a":1}', 'ARRAY<STRUCT<a: INT>>')`, [{ a: 1 }], 'array<struct<a:int>>'],
  [`from_json('{"x":1,"y":2}', 'MAP<STRING, INT>')['y']`, 2, 'int'],
  [`from_json('{"x":1.5}', 'MAP<STRING, STRING>')['x']`, '1.5', 'string'],
  [
    `date_format(from_json('{"t":"2026-01-02T03:04:05.678Z"}', 't TIMESTAMP').t, 'yyyy-MM-dd HH:mm:ss')`,
    '2026-01-02 03:04:05',
    'string',
  ],
  [
    `unix_micros(from_json('{"t":"26/08/2015"}', 't TIMESTAMP', map('timestampFormat', 'dd/MM/yyyy')).t)`,
    '1440547200000000',
    'bigint',
  ],
  [
    `from_json('{"a":', 'a INT, _corrupt_record STRING')`,
    { a: null, _corrupt_record: '{"a":' },
    'struct<a:int,_corrupt_record:string>',
  ],
  [
    `from_json('{"a":1}', '{"type":"struct","fields":[{"name":"a","type":"long","nullable":false,"metadata":{}}]}')`,
    { a: '1' },
    'struct<a:bigint>',
  ],
  [
    `schema_of_json('{"b":[1,2.5],"a":{"c":null},"d":true}')`,
    'STRUCT<a: STRUCT<c: STRING>, b: ARRAY<DOUBLE>, d: BOOLEAN>',
    'string',
  ],
  [`from_json('{"a":5}', schema_of_json('{"a":1}')).a`, '5', 'bigint'],
  [`to_json(named_struct('a', 1, 'b', 'x"y', 'c', CAST(NULL AS INT)))`, '{"a":1,"b":"x\\"y"}', 'string'],
  [
    `to_json(named_struct('t', TIMESTAMP '2015-08-26 10:00:00', 'd', DATE '2020-01-02', 'e', 1.50, 'f', 1e10D))`,
    '{"t":"2015-08-26T10:00:00.000Z","d":"2020-01-02","e":1.50,"f":1.0E10}',
    'string',
  ],
  [`to_json(array(named_struct('a', 1), named_struct('a', 2)))`, '[{"a":1},{"a":2}]', 'string'],
  [`to_json(map('k', array(1, NULL)))`, '{"k":[1,null]}', 'string'],
  [`get_json_object('{"a":"b","n":[1,2]}', '$.a')`, 'b', 'string'],
  [`get_json_object('{"a":"b"', '$.a')`, null, 'string'],
  [`json_array_length('[1,2,3]')`, 3, 'int'],
  [`json_array_length('[1,2')`, null, 'int'],
  [`json_object_keys('{"f1":"abc","f2":{"f3":"a"}}')`, ['f1', 'f2'], 'array<string>'],
];

it.each(CASES)('%s', async (sql, value, type) => {
  const { rows, types } = await fixture.sql(`SELECT ${sql} AS v`);
  expect([rows[0]![0], types[0]]).toEqual([value, type]);
});

it('reads rows, some of them malformed', async () => {
  await fixture.table('lines', 'value string', [
    `'{"p":"a","n":1}'`,
    `'{"p":'`,
    `NULL`,
    `'{"p":"b","n":"2"}'`,
  ]);
  const { rows, names } = await fixture.sql(
    `SELECT c.*, c IS NULL none FROM (SELECT from_json(value, 'p STRING, n INT') c FROM lines)`,
  );
  expect(names).toEqual(['p', 'n', 'none']);
  expect(rows).toEqual([
    ['a', 1, false],
    [null, null, false],
    [null, null, true],
    ['b', null, false],
  ]);
  const tuple = await fixture.sql(`SELECT json_tuple(value, 'p', 'n') FROM lines`);
  expect(tuple.names).toEqual(['c0', 'c1']);
  expect(tuple.rows).toEqual([
    ['a', '1'],
    [null, null],
    [null, null],
    ['b', '2'],
  ]);
});

it("writes times in the session's zone", async () => {
  const { rows } = await seoul.sql(`SELECT to_json(named_struct('t', TIMESTAMP '2015-08-26 10:00:00')) AS v`);
  expect(rows).toEqual([['{"t":"2015-08-26T10:00:00.000+09:00"}']]);
});

it('refuses what it would read otherwise', async () => {
  const fails = (sql: string, message: RegExp) =>
    expect(fixture.sql(`SELECT ${sql} v`)).rejects.toThrow(message);
  await fails(`from_json('{"a":1', 'a INT', map('mode', 'FAILFAST'))`, /MALFORMED_RECORD_IN_PARSING/);
  await fails(`from_json('{}', 'a INT', map('mode', 'DROPMALFORMED'))`, /PARSE_MODE_UNSUPPORTED/);
  await fails(`from_json('{}', 'INT')`, /must be a struct, an array or a map/);
  await fails(`from_json('{}', 'a INT', map('allowComments', 'true'))`, /allowcomments/);
  await fails(`to_json(1)`, /STRUCT/);
});
