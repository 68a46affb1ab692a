import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExpressionInput } from '../../../../proto/gen/spark/connect/Expression.ts';
import type { RelationInput } from '../../../../proto/gen/spark/connect/Relation.ts';
import { PlanFixture, readOf } from './plan-fixture.ts';

const col = (name: string, planId?: number): ExpressionInput => ({
  unresolvedAttribute: { unparsedIdentifier: name, ...(planId === undefined ? {} : { planId }) },
});
const int = (integer: number): ExpressionInput => ({ literal: { integer } });
const text = (string: string): ExpressionInput => ({ literal: { string } });
const call = (functionName: string, ...args: ExpressionInput[]): ExpressionInput => ({
  unresolvedFunction: { functionName, arguments: args },
});
const alias = (expr: ExpressionInput, name: string): ExpressionInput => ({ alias: { expr, name: [name] } });
const desc = (child: ExpressionInput) => ({ child, direction: 'SORT_DIRECTION_DESCENDING' as const });
const asc = (child: ExpressionInput) => ({ child, direction: 'SORT_DIRECTION_ASCENDING' as const });

let fixture: PlanFixture;
const sales = readOf('/tables/sales', 1);
const products = readOf('/tables/products', 2);

beforeAll(async () => {
  fixture = await PlanFixture.open();
  await fixture.table('sales', 'product_id int, amount double, price decimal(10,2), day date, ts timestamp', [
    `1, 10.0, 1.50, '2017-01-01', '2017-01-01 10:00:00'`,
    `2, 5.5, 2.25, '2017-01-01', '2017-01-01 11:00:00'`,
    `1, 2.5, 1.00, '2017-01-02', '2017-01-02 00:00:00'`,
    `NULL, 7.0, NULL, '2017-01-02', NULL`,
  ]);
  await fixture.table('products', 'product_id int, name string', [`1, 'apple'`, `2, 'pear'`, `3, 'plum'`]);
});

afterAll(() => fixture.close());

describe('the daily sales job', () => {
  it('ranks products of one date, joined with their names', async () => {
    const filtered: RelationInput = {
      common: { planId: 3 },
      filter: { input: sales, condition: call('==', col('day'), text('2017-01-01')) },
    };
    const grouped: RelationInput = {
      common: { planId: 4 },
      aggregate: {
        input: filtered,
        groupType: 'GROUP_TYPE_GROUPBY',
        groupingExpressions: [col('product_id')],
        aggregateExpressions: [
          alias(call('sum', col('amount')), 'sales'),
          call('sum', col('price')),
          call('count', int(1)),
        ],
      },
    };
    const joined: RelationInput = {
      common: { planId: 5 },
      join: { left: grouped, right: products, joinType: 'JOIN_TYPE_INNER', usingColumns: ['product_id'] },
    };
    const answer = await fixture.query({
      limit: { input: { sort: { input: joined, order: [desc(col('sales'))], isGlobal: true } }, limit: 10 },
    });
    expect(answer.names).toEqual(['product_id', 'sales', 'sum(price)', 'count(1)', 'name']);
    expect(answer.types).toEqual(['int', 'double', 'decimal(20,2)', 'bigint', 'string']);
    expect(answer.nullable).toEqual([true, true, true, false, true]);
    expect(answer.rows).toEqual([
      [1, 10, '1.50', '1', 'apple'],
      [2, 5.5, '2.25', '1', 'pear'],
    ]);
  });

  it('sorts by a column that the select left out', async () => {
    const answer = await fixture.query({
      sort: { input: { project: { input: sales, expressions: [col('day')] } }, order: [desc(col('amount'))] },
    });
    expect(answer.names).toEqual(['day']);
    expect(answer.rows.map(([day]) => day)).toEqual(['2017-01-01', '2017-01-02', '2017-01-01', '2017-01-02']);
  });

  it('tells two data frames with one column name apart by their plan ids', async () => {
    const answer = await fixture.query({
      sort: {
        input: {
          project: {
            input: {
              common: { planId: 7 },
              join: {
                left: sales,
                right: products,
                joinType: 'JOIN_TYPE_LEFT_OUTER',
                joinCondition: call('==', col('product_id', 1), col('product_id', 2)),
              },
            },
            expressions: [col('product_id', 1), col('product_id', 2), col('name'), col('amount')],
          },
        },
        order: [asc(col('amount'))],
      },
    });
    expect(answer.rows).toEqual([
      [1, 1, 'apple', 2.5],
      [2, 2, 'pear', 5.5],
      [null, null, null, 7],
      [1, 1, 'apple', 10],
    ]);
  });

  it('says which columns there are when one is missing', async () => {
    const missing = fixture.query({ project: { input: sales, expressions: [col('amont')] } });
    await expect(missing).rejects.toMatchObject({
      code: 'ANALYSIS',
      details: { errorClass: 'UNRESOLVED_COLUMN.WITH_SUGGESTION', sqlState: '42703' },
      message: expect.stringContaining(
        '`amont` cannot be resolved. Did you mean one of the following? [`amount`',
      ),
    });
  });

  it('adds, names and types columns as Spark', async () => {
    const answer = await fixture.query({
      limit: {
        input: {
          project: {
            input: sales,
            expressions: [
              call('+', col('product_id'), int(1)),
              call('*', col('price'), int(2)),
              call('/', col('product_id'), int(2)),
              call('/', col('price'), col('price')),
              { cast: { expr: col('amount'), typeStr: 'string' } },
              call('when', call('>', col('amount'), int(6)), text('big'), text('small')),
            ],
          },
        },
        limit: 1,
      },
    });
    expect(answer.names).toEqual([
      '(product_id + 1)',
      '(price * 2)',
      '(product_id / 2)',
      '(price / price)',
      'amount',
      'CASE WHEN (amount > 6) THEN big ELSE small END',
    ]);
    expect(answer.types).toEqual(['int', 'decimal(12,2)', 'double', 'decimal(23,13)', 'string', 'string']);
    expect(answer.rows).toEqual([[2, '3.00', 0.5, '1.0000000000000', '10.0', 'big']]);
  });
});
