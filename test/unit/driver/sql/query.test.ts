import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PlanFixture } from '../plan/plan-fixture.ts';

let fixture: PlanFixture;

beforeAll(async () => {
  fixture = await PlanFixture.open();
  await fixture.table('sales', 'product_id int, amount double, price decimal(10,2), day date', [
    `1, 10.0, 1.50, '2017-01-01'`,
    `2, 5.5, 2.25, '2017-01-01'`,
    `1, 2.5, 1.00, '2017-01-02'`,
    `NULL, 7.0, NULL, '2017-01-02'`,
  ]);
  await fixture.table('products', 'product_id int, name string', [`1, 'apple'`, `2, 'pear'`, `3, 'plum'`]);
  await fixture.table('lists', 'id int, xs array<int>', ['1, [1, 2]', '2, []', '3, NULL']);
});
afterAll(() => fixture.close());

describe('SELECT', () => {
  it('groups, filters groups, and orders by an aggregate that is not selected', async () => {
    const answer = await fixture.sql(
      `SELECT day, count(*) AS n FROM sales s WHERE amount > 1 GROUP BY 1 HAVING sum(amount) > 9.6 ORDER BY max(amount) DESC, day`,
    );
    expect(answer.names).toEqual(['day', 'n']);
    expect(answer.types).toEqual(['date', 'bigint']);
    expect(answer.rows).toEqual([['2017-01-01', '2']]);
  });

  it('joins with aliases, qualified names and stars', async () => {
    const answer = await fixture.sql(
      `SELECT p.*, s.amount FROM products p LEFT JOIN sales s ON p.product_id = s.product_id ORDER BY p.name, s.amount NULLS LAST LIMIT 3`,
    );
    expect(answer.names).toEqual(['product_id', 'name', 'amount']);
    expect(answer.rows).toEqual([
      [1, 'apple', 2.5],
      [1, 'apple', 10],
      [2, 'pear', 5.5],
    ]);
  });

  it('reads common tables, sub-queries and VALUES', async () => {
    const answer = await fixture.sql(
      `WITH big AS (SELECT product_id AS id, amount FROM sales WHERE amount >= 5), named(i, n) AS (SELECT * FROM products)
       SELECT n, t.x FROM big JOIN named ON id = i JOIN (VALUES (1, 'one'), (2, 'two')) AS t(k, x) ON k = i ORDER BY 1`,
    );
    expect(answer.rows).toEqual([
      ['apple', 'one'],
      ['pear', 'two'],
    ]);
  });

  it('answers scalar, IN and EXISTS sub-queries', async () => {
    expect(
      (
        await fixture.sql(
          `SELECT name FROM products WHERE product_id IN (SELECT product_id FROM sales) ORDER BY name`,
        )
      ).rows,
    ).toEqual([['apple'], ['pear']]);
    expect(
      (
        await fixture.sql(
          `SELECT name FROM products p WHERE NOT EXISTS (SELECT 1 FROM sales s WHERE s.product_id = p.product_id)`,
        )
      ).rows,
    ).toEqual([['plum']]);
    expect(
      (await fixture.sql(`SELECT name FROM products WHERE product_id NOT IN (SELECT product_id FROM sales)`))
        .rows,
    ).toEqual([]);
    expect(
      (
        await fixture.sql(
          `SELECT amount FROM sales WHERE amount > (SELECT avg(amount) FROM sales) ORDER BY 1`,
        )
      ).rows,
    ).toEqual([[7], [10]]);
    expect(
      (
        await fixture.sql(
          `SELECT name, (SELECT count(*) FROM sales s WHERE s.product_id = p.product_id) AS n FROM products p ORDER BY name`,
        )
      ).rows,
    ).toEqual([
      ['apple', '2'],
      ['pear', '1'],
      ['plum', '0'],
    ]);
  });

  it('computes windows', async () => {
    const answer = await fixture.sql(
      `SELECT amount, row_number() OVER (PARTITION BY day ORDER BY amount DESC) AS r, sum(amount) OVER w AS running, lag(amount, 1, 0.0) OVER (ORDER BY amount) AS before
       FROM sales WINDOW w AS (ORDER BY amount ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) ORDER BY amount`,
    );
    expect(answer.types).toEqual(['double', 'int', 'double', 'double']);
    expect(answer.rows).toEqual([
      [2.5, 2, 2.5, 0],
      [5.5, 2, 8, 2.5],
      [7, 1, 15, 5.5],
      [10, 1, 25, 7],
    ]);
  });

  it('unites, intersects and subtracts', async () => {
    expect((await fixture.sql(`SELECT 1 AS a UNION SELECT 2 UNION SELECT 1 ORDER BY a`)).rows).toEqual([
      [1],
      [2],
    ]);
    expect((await fixture.sql(`SELECT 1 AS a UNION ALL SELECT 2.5 ORDER BY a`)).types).toEqual([
      'decimal(11,1)',
    ]);
    expect(
      (await fixture.sql(`SELECT product_id FROM products EXCEPT SELECT product_id FROM sales`)).rows,
    ).toEqual([[3]]);
  });

  it('makes rows of lists', async () => {
    expect(
      (await fixture.sql(`SELECT id, x FROM lists LATERAL VIEW explode(xs) t AS x ORDER BY x`)).rows,
    ).toEqual([
      [1, 1],
      [1, 2],
    ]);
    expect((await fixture.sql(`SELECT id, posexplode_outer(xs) FROM lists ORDER BY id, pos`)).rows).toEqual([
      [1, 0, 1],
      [1, 1, 2],
      [2, null, null],
      [3, null, null],
    ]);
  });

  it('groups by sets', async () => {
    const answer = await fixture.sql(
      `SELECT day, product_id, count(*) AS n, grouping(product_id) AS g FROM sales GROUP BY ROLLUP(day, product_id) ORDER BY day, g, product_id`,
    );
    expect(answer.rows.map((row) => row.join())).toEqual([
      ',,4,1',
      '2017-01-01,1,1,0',
      '2017-01-01,2,1,0',
      '2017-01-01,,2,1',
      '2017-01-02,,1,0',
      '2017-01-02,1,1,0',
      '2017-01-02,,2,1',
    ]);
  });

  it('lets later columns name the aliases of earlier ones', async () => {
    const answer = await fixture.sql(`SELECT amount * 2 AS x, x + 1 AS y FROM sales WHERE amount = 10`);
    expect(answer.rows).toEqual([[20, 21]]);
  });

  it('makes statistics over NaN NaN, and casts by the names of types', async () => {
    const answer = await fixture.sql(
      `SELECT stddev(x) IS NULL, isnan(stddev(x)), int('5'), string(1) FROM (SELECT double('NaN') AS x UNION ALL SELECT 1.0D) GROUP BY ()`,
    );
    expect(answer.rows).toEqual([[false, true, 5, '1']]);
  });

  it('takes parameters', async () => {
    const plan = await fixture.analyzer.analyzeSql('SELECT name FROM products WHERE product_id = :id', {
      named: { id: { exprType: 'literal', literal: { literalType: 'integer', integer: 2 } } as never },
      positional: [],
    });
    expect((await fixture.run(plan as never)).rows).toEqual([['pear']]);
  });

  it('names columns as Spark does', async () => {
    const answer = await fixture.sql(
      `SELECT count(*), sum(amount), avg(price), count(DISTINCT product_id), max(amount) + 1, min(CAST(amount AS INT)) FROM sales`,
    );
    expect(answer.names).toEqual([
      'count(1)',
      'sum(amount)',
      'avg(price)',
      'count(DISTINCT product_id)',
      '(max(amount) + 1)',
      'min(CAST(amount AS INT))',
    ]);
    expect(answer.types).toEqual(['bigint', 'double', 'decimal(14,6)', 'bigint', 'double', 'int']);
    expect(answer.rows).toEqual([['4', 25, '1.583333', '2', 11, 2]]);
  });
});

describe('wrong SQL', () => {
  const fails = (text: string) => expect(fixture.sql(text)).rejects;

  it('is told by class', async () => {
    await fails('SELECT FROM WHERE').toMatchObject({
      code: 'PARSE',
      details: { errorClass: 'PARSE_SYNTAX_ERROR', sqlState: '42601' },
    });
    await fails('SELECT * FROM nowhere').toMatchObject({
      details: { errorClass: 'TABLE_OR_VIEW_NOT_FOUND', sqlState: '42P01' },
    });
    await fails('SELECT product_id FROM sales, products').toMatchObject({
      details: { errorClass: 'AMBIGUOUS_REFERENCE' },
    });
    await fails('SELECT nosuch(amount) FROM sales').toMatchObject({
      details: { errorClass: 'UNRESOLVED_ROUTINE', sqlState: '42883' },
    });
    await fails('SELECT amount, count(*) FROM sales GROUP BY day').toMatchObject({
      details: { errorClass: 'MISSING_AGGREGATION' },
    });
    await fails('SELECT 1 UNION SELECT 1, 2').toMatchObject({
      details: { errorClass: 'NUM_COLUMNS_MISMATCH' },
    });
  });
});

describe('statements', () => {
  const analyze = (text: string) => fixture.analyzer.analyzeSql(text);

  it('are read', async () => {
    expect(await analyze('CREATE OR REPLACE TEMP VIEW v AS SELECT 1 AS a')).toMatchObject({
      kind: 'create-view',
      name: 'v',
      global: false,
      replace: true,
      plan: { output: [{ name: 'a' }] },
    });
    expect(await analyze('create global temporary view `my v` (b) as select 1;')).toMatchObject({
      kind: 'create-view',
      name: 'my v',
      global: true,
      replace: false,
      plan: { output: [{ name: 'b' }] },
    });
    expect(await analyze('DROP VIEW IF EXISTS v')).toEqual({ kind: 'drop-view', name: 'v', ifExists: true });
    expect(await analyze('SET spark.sql.ansi.enabled = false')).toEqual({
      kind: 'set',
      key: 'spark.sql.ansi.enabled',
      value: 'false',
    });
    expect(await analyze("SET TIME ZONE 'Asia/Seoul'")).toEqual({
      kind: 'set',
      key: 'spark.sql.session.timeZone',
      value: 'Asia/Seoul',
    });
    expect(await analyze('SHOW TABLES')).toEqual({ kind: 'show-tables', pattern: undefined });
    expect(await analyze('DESCRIBE sales')).toMatchObject({ kind: 'describe' });
    expect(await analyze('EXPLAIN EXTENDED SELECT 1')).toMatchObject({ kind: 'explain', extended: true });
    expect(await fixture.analyzer.analyzeStatement('SELECT 1')).toBeUndefined();
  });
});
