import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { functionNames } from '../../../../../driver/plan/functions/function-table.ts';
import { PlanFixture } from '../plan-fixture.ts';

let fixture: PlanFixture;
let lenient: PlanFixture;
let seoul: PlanFixture;

beforeAll(async () => {
  fixture = await PlanFixture.open();
  lenient = await PlanFixture.open({ conf: { 'spark.sql.ansi.enabled': 'false' } });
  seoul = await PlanFixture.open({ timeZone: 'Asia/Seoul' });
});
afterAll(() => {
  fixture.close();
  lenient.close();
  seoul.close();
});

/** Spark's own answers, from its function reference. */
const CASES: readonly (readonly [sql: string, value: unknown, type: string])[] = [
  [`substring('Spark SQL', 5)`, 'k SQL', 'string'],
  [`substring('Spark SQL', -3)`, 'SQL', 'string'],
  [`substring('Spark SQL', 5, 1)`, 'k', 'string'],
  [`substring('Spark', 0, 2)`, 'Sp', 'string'],
  [`substring('Spark', -7, 4)`, 'Sp', 'string'],
  [`substring_index('www.apache.org', '.', 2)`, 'www.apache', 'string'],
  [`substring_index('www.apache.org', '.', -2)`, 'apache.org', 'string'],
  [`initcap('sPark sql')`, 'Spark Sql', 'string'],
  [`lpad('hi', 5, '??')`, '???hi', 'string'],
  [`lpad('hi', 1, '??')`, 'h', 'string'],
  [`concat('a', NULL)`, null, 'string'],
  [`concat_ws(' ', 'Spark', NULL, 'SQL')`, 'Spark SQL', 'string'],
  [`split('oneAtwoBthreeC', '[ABC]')`, ['one', 'two', 'three', ''], 'array<string>'],
  [`regexp_extract('100-200', '(\\\\d+)-(\\\\d+)', 1)`, '100', 'string'],
  [`regexp_replace('100-200', '(\\\\d+)', 'num')`, 'num-num', 'string'],
  [`'Spark' LIKE '%park'`, true, 'boolean'],
  [`'Spark' RLIKE '^S.*k$'`, true, 'boolean'],
  [`length('Spark SQL ')`, 10, 'int'],
  [`locate('bar', 'foobarbar', 5)`, 7, 'int'],
  [`translate('AaBbCc', 'abc', '123')`, 'A1B2C3', 'string'],
  [`trim('    SparkSQL   ')`, 'SparkSQL', 'string'],
  [`trim(BOTH 'SL' FROM 'SSparkSQLS')`, 'parkSQ', 'string'],
  [`md5('Spark')`, '8cde774d6f7333752ed72cacddb05126', 'string'],
  [`sha2('Spark', 256)`, '529bc3b07127ecb7e53a4dcf1991d9152c24537d919178022b2c42657f79a26b', 'string'],
  [`hex(17)`, '11', 'string'],
  [`hex('Spark SQL')`, '537061726B2053514C', 'string'],
  [`abs(-1)`, 1, 'int'],
  [`ceil(-0.1)`, '0', 'decimal(1,0)'],
  [`ceil(5.5D)`, '6', 'bigint'],
  [`floor(5)`, '5', 'bigint'],
  [`round(2.5, 0)`, '3', 'decimal(2,0)'],
  [`round(2.675D, 2)`, 2.68, 'double'],
  [`bround(2.5D, 0)`, 2, 'double'],
  [`pmod(10, 3)`, 1, 'int'],
  [`pmod(-10, 3)`, 2, 'int'],
  [`-7 % 3`, -1, 'int'],
  [`7 div 2`, '3', 'bigint'],
  [`3 / 2`, 1.5, 'double'],
  [`1.0 / 3`, '0.333333', 'decimal(7,6)'],
  [`CAST(1 AS DECIMAL(10,2)) / CAST(3 AS DECIMAL(10,2))`, '0.3333333333333', 'decimal(23,13)'],
  [`1.1 + 2.22`, '3.32', 'decimal(4,2)'],
  [`1.5 * 2.25`, '3.375', 'decimal(6,3)'],
  [`shiftleft(2, 1)`, 4, 'int'],
  [`greatest(10, 9, 2, 4, 3)`, 10, 'int'],
  [`nvl(NULL, 'x')`, 'x', 'string'],
  [`if(1 < 2, 'a', 'b')`, 'a', 'string'],
  [`CASE WHEN 1 > 0 THEN 1 WHEN 2 > 0 THEN 2.0 ELSE 1.2 END`, '1.0', 'decimal(11,1)'],
  [`date_add('2016-07-30', 1)`, '2016-07-31', 'date'],
  [`datediff('2009-07-31', '2009-07-30')`, 1, 'int'],
  [`add_months('2016-08-31', 1)`, '2016-09-30', 'date'],
  [`months_between('1997-02-28 10:30:00', '1996-10-30')`, 3.94959677, 'double'],
  [`dayofweek('2009-07-30')`, 5, 'int'],
  [`weekday('2009-07-30')`, 3, 'int'],
  [`weekofyear('2008-02-20')`, 8, 'int'],
  [`last_day('2009-01-12')`, '2009-01-31', 'date'],
  [`next_day('2015-01-14', 'TU')`, '2015-01-20', 'date'],
  [`date_format('2016-04-08 05:06:07', 'y-MM-dd HH:mm')`, '2016-04-08 05:06', 'string'],
  [`to_date('04/2016/08', 'MM/yyyy/dd')`, '2016-04-08', 'date'],
  [`CAST(to_timestamp('2016-12-31 00:12:00') AS STRING)`, '2016-12-31 00:12:00', 'string'],
  [`trunc('2019-08-04', 'week')`, '2019-07-29', 'date'],
  [`year('2016-07-30')`, 2016, 'int'],
  [`DATE '2016-07-30' + INTERVAL 1 MONTH`, '2016-08-30', 'date'],
  [`unix_timestamp('2016-04-08', 'yyyy-MM-dd')`, '1460073600', 'bigint'],
  [`from_unixtime(0, 'yyyy-MM-dd HH:mm:ss')`, '1970-01-01 00:00:00', 'string'],
  [`size(array('b', 'd', 'c', 'a'))`, 4, 'int'],
  [`element_at(array(1, 2, 3), 2)`, 2, 'int'],
  [`array(1, 2, 3)[0]`, 1, 'int'],
  [`element_at(map(1, 'a', 2, 'b'), 2)`, 'b', 'string'],
  [`array_contains(array(1, 2, 3), 2)`, true, 'boolean'],
  [`array_distinct(array(1, 2, 3, NULL, 3))`, [1, 2, 3, null], 'array<int>'],
  [`array_union(array(1, 2, 3), array(1, 3, 5))`, [1, 2, 3, 5], 'array<int>'],
  [`array_except(array(1, 2, 3), array(1, 3, 5))`, [2], 'array<int>'],
  [`array_intersect(array(1, 2, 3), array(1, 3, 5))`, [1, 3], 'array<int>'],
  [`array_join(array('hello', NULL, 'world'), ' ', ',')`, 'hello , world', 'string'],
  [`sort_array(array('b', 'd', NULL, 'c', 'a'), true)`, [null, 'a', 'b', 'c', 'd'], 'array<string>'],
  [`slice(array(1, 2, 3, 4), -2, 2)`, [3, 4], 'array<int>'],
  [`sequence(1, 5)`, [1, 2, 3, 4, 5], 'array<int>'],
  [`flatten(array(array(1, 2), array(3, 4)))`, [1, 2, 3, 4], 'array<int>'],
  [`transform(array(1, 2, 3), x -> x + 1)`, [2, 3, 4], 'array<int>'],
  [`transform(array(1, 2, 3), (x, i) -> x + i)`, [1, 3, 5], 'array<int>'],
  [`filter(array(1, 2, 3), x -> x % 2 == 1)`, [1, 3], 'array<int>'],
  [`aggregate(array(1, 2, 3), 0, (acc, x) -> acc + x)`, 6, 'int'],
  [`aggregate(array(1, 2, 3), 0, (acc, x) -> acc + x, acc -> acc * 10)`, 60, 'int'],
  [`exists(array(1, 2, 3), x -> x % 2 == 0)`, true, 'boolean'],
  [`forall(array(1, 2, 3), x -> x % 2 == 0)`, false, 'boolean'],
  [`zip_with(array(1, 2), array(3, 4), (x, y) -> x + y)`, [4, 6], 'array<int>'],
  [`named_struct('a', 1, 'b', 'x').b`, 'x', 'string'],
  [`CAST(array(1, NULL, 3) AS STRING)`, '[1, null, 3]', 'string'],
  [`CAST(named_struct('a', 1, 'b', 2.5D) AS STRING)`, '{1, 2.5}', 'string'],
  [`CAST(map('k', 1) AS STRING)`, '{k -> 1}', 'string'],
  [`CAST(1e10 AS STRING)`, '1.0E10', 'string'],
  [`CAST(123456789.125D AS STRING)`, '1.23456789125E8', 'string'],
  [`CAST(0.00012D AS STRING)`, '1.2E-4', 'string'],
  [`CAST(-1.5e-7 AS STRING)`, '-1.5E-7', 'string'],
  [`CAST(1.0D AS STRING)`, '1.0', 'string'],
  [`CAST(1.9D AS INT)`, 1, 'int'],
  [`CAST('  12 ' AS INT)`, 12, 'int'],
  [`try_cast('abc' AS INT)`, null, 'int'],
  [`try_cast('1.5' AS INT)`, null, 'int'],
  [`CAST('2020-03' AS DATE)`, '2020-03-01', 'date'],
  [`try_divide(1, 0)`, null, 'double'],
  [`try_add(2147483647, 1)`, null, 'int'],
  [`1 <=> NULL`, false, 'boolean'],
  [`nanvl(CAST('NaN' AS DOUBLE), 123)`, 123, 'double'],
  [`typeof(array(1))`, 'array<int>', 'string'],
];

describe('functions', () => {
  it('are many', () => {
    expect(functionNames().length).toBeGreaterThan(280);
  });

  it.each(CASES)('%s', async (sql, value, type) => {
    const answer = await fixture.sql(`SELECT ${sql} AS v`);
    expect(answer.types).toEqual([type]);
    expect(answer.rows[0]?.[0]).toEqual(value);
  });
});

describe('ANSI errors', () => {
  const fails = (sql: string) => expect(fixture.sql(`SELECT ${sql}`)).rejects;

  it('are raised by the kernel', async () => {
    await fails('1 / 0').toThrow('DIVIDE_BY_ZERO');
    await fails('id % 0 FROM range(1)').toThrow('DIVIDE_BY_ZERO');
    await fails(`CAST('abc' AS INT)`).toThrow(`Could not convert string 'abc' to INT32`);
    await fails('2147483647 + CAST(id AS INT) FROM range(1, 2)').toThrow('Overflow');
    await fails('array(1)[5]').toThrow('INVALID_ARRAY_INDEX');
  });

  it('are nulls where ANSI is off', async () => {
    const answer = await lenient.sql(
      `SELECT 1 / 0 AS a, CAST('abc' AS INT) AS b, 2147483647 + 1 AS c, 5 % 0 AS d`,
    );
    expect(answer.rows).toEqual([[null, null, -2147483648, null]]);
  });
});

describe('time zones', () => {
  it('decide which day an instant is', async () => {
    await seoul.table('events', 'at timestamp', [`TIMESTAMPTZ '2017-01-01 20:00:00+00'`]);
    const answer = await seoul.sql(
      `SELECT CAST(at AS DATE) AS d, hour(at) AS h, CAST(at AS STRING) AS s, date_format(at, 'HH:mm') AS f FROM events`,
    );
    expect(answer.rows).toEqual([['2017-01-02', 5, '2017-01-02 05:00:00', '05:00']]);
  });
});
