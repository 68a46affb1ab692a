import { describe, expect, it } from 'vitest';
import * as f from '../../../../client/dataframe/functions.ts';
import { Window } from '../../../../client/dataframe/window.ts';
import { localRelation } from '../../../../client/dataframe/local-relation.ts';
import { PlanRecorder, shapeOf } from './plan-recorder.ts';

const recorder = new PlanRecorder();
const t = recorder.table('t');
const u = recorder.table('u');
const table = (name: string) => ({ read: { namedTable: { unparsedIdentifier: name } } });
const attribute = (name: string) => ({ unresolvedAttribute: { unparsedIdentifier: name } });
const called = (functionName: string, ...args: unknown[]) => ({
  unresolvedFunction: { functionName, arguments: args },
});
const shape = (of: { readonly relation: unknown }) => shapeOf(of.relation);
const input = table('t');

describe('a DataFrame', () => {
  it('numbers its relations, and names its own columns by that number', () => {
    const [a, b] = [t.col('id'), u.col('id')].map(({ expression }) => expression.unresolvedAttribute!);
    expect(a).toEqual({ unparsedIdentifier: 'id', planId: t.relation.common!.planId });
    expect(b!.planId).not.toBe(a!.planId);
    const filtered = t.filter(t.col('id').eq(1));
    expect(filtered.relation.common!.planId).not.toBe(t.relation.common!.planId);
    expect(filtered.relation.filter!.input).toBe(t.relation);
  });

  it.each<[string, { readonly relation: unknown }, unknown]>([
    [
      'select',
      t.select('a', '*', 't.*', f.col('b').as('c')),
      {
        project: {
          input,
          expressions: [
            attribute('a'),
            { unresolvedStar: {} },
            { unresolvedStar: { unparsedTarget: 't.*' } },
            { alias: { expr: attribute('b'), name: ['c'] } },
          ],
        },
      },
    ],
    [
      'filter by SQL',
      t.where('a > 1'),
      { filter: { input, condition: { expressionString: { expression: 'a > 1' } } } },
    ],
    [
      'withColumn',
      t.withColumn('b', f.lit(1)),
      { withColumns: { input, aliases: [{ expr: { literal: { integer: 1 } }, name: ['b'] }] } },
    ],
    [
      'withColumnRenamed',
      t.withColumnRenamed('a', 'b'),
      { withColumnsRenamed: { input, renames: [{ colName: 'a', newColName: 'b' }] } },
    ],
    ['drop', t.drop('a', f.col('b')), { drop: { input, columnNames: ['a'], columns: [attribute('b')] } }],
    [
      'groupBy and agg',
      t.groupBy('a').agg(f.sum('b').as('s'), f.countDistinct('c')),
      {
        aggregate: {
          input,
          groupType: 'GROUP_TYPE_GROUPBY',
          groupingExpressions: [attribute('a')],
          aggregateExpressions: [
            { alias: { expr: called('sum', attribute('b')), name: ['s'] } },
            { unresolvedFunction: { functionName: 'count', arguments: [attribute('c')], isDistinct: true } },
          ],
        },
      },
    ],
    [
      'pivot',
      t.groupBy('a').pivot('b', ['x', 1]).count(),
      {
        aggregate: {
          input,
          groupType: 'GROUP_TYPE_PIVOT',
          groupingExpressions: [attribute('a')],
          pivot: { col: attribute('b'), values: [{ string: 'x' }, { integer: 1 }] },
          aggregateExpressions: [
            { alias: { expr: called('count', { literal: { integer: 1 } }), name: ['count'] } },
          ],
        },
      },
    ],
    [
      'join on names',
      t.join(u, ['a', 'b'], 'left'),
      {
        join: { left: input, right: table('u'), joinType: 'JOIN_TYPE_LEFT_OUTER', usingColumns: ['a', 'b'] },
      },
    ],
    [
      'orderBy',
      t.orderBy('a', f.desc('b'), f.col('c').ascNullsLast()),
      {
        sort: {
          input,
          isGlobal: true,
          order: [
            {
              child: attribute('a'),
              direction: 'SORT_DIRECTION_ASCENDING',
              nullOrdering: 'SORT_NULLS_FIRST',
            },
            {
              child: attribute('b'),
              direction: 'SORT_DIRECTION_DESCENDING',
              nullOrdering: 'SORT_NULLS_LAST',
            },
            { child: attribute('c'), direction: 'SORT_DIRECTION_ASCENDING', nullOrdering: 'SORT_NULLS_LAST' },
          ],
        },
      },
    ],
    ['limit', t.limit(3), { limit: { input, limit: 3 } }],
    ['offset', t.offset(3), { offset: { input, offset: 3 } }],
    ['distinct', t.distinct(), { deduplicate: { input, allColumnsAsKeys: true } }],
    ['dropDuplicates', t.dropDuplicates('a'), { deduplicate: { input, columnNames: ['a'] } }],
    [
      'union',
      t.union(u),
      { setOp: { leftInput: input, rightInput: table('u'), setOpType: 'SET_OP_TYPE_UNION', isAll: true } },
    ],
    [
      'except',
      t.except(u),
      { setOp: { leftInput: input, rightInput: table('u'), setOpType: 'SET_OP_TYPE_EXCEPT', isAll: false } },
    ],
    ['alias', t.alias('x'), { subqueryAlias: { input, alias: 'x' } }],
    [
      'sample',
      t.sample(0.5, 7),
      { sample: { input, lowerBound: 0, upperBound: 0.5, withReplacement: false, seed: '7' } },
    ],
    ['fill', t.na.fill(0, ['a']), { fillNa: { input, cols: ['a'], values: [{ integer: 0 }] } }],
    [
      'fill by column',
      t.na.fill({ a: 0, b: 'x' }),
      { fillNa: { input, cols: ['a', 'b'], values: [{ integer: 0 }, { string: 'x' }] } },
    ],
    ['dropna', t.na.drop({ how: 'all' }), { dropNa: { input, cols: [], minNonNulls: 1 } }],
  ])('plans %s', (_, dataFrame, expected) => {
    expect(shape(dataFrame)).toEqual(expected);
  });

  it('sends actions as plans and commands', async () => {
    const own = new PlanRecorder();
    own.batches = [
      localRelation([{ n: 3 }], {
        kind: 'struct',
        fields: [{ name: 'n', type: { kind: 'long' }, nullable: true }],
      }).data as Buffer,
    ];
    const one = own.table('t');
    expect(await one.collect()).toEqual([{ n: 3 }]);
    expect(await one.count()).toBe(0);
    await one.createOrReplaceTempView('v');
    await one.write.mode('overwrite').partitionBy('a').option('compression', 'zstd').parquet('/out');
    expect(own.plans.slice(2).map((plan) => shapeOf(plan))).toEqual([
      { command: { createDataframeView: { input, name: 'v', replace: true } } },
      {
        command: {
          writeOperation: {
            input,
            mode: 'SAVE_MODE_OVERWRITE',
            partitioningColumns: ['a'],
            options: { compression: 'zstd' },
            source: 'parquet',
            path: '/out',
          },
        },
      },
    ]);
  });

  it('refuses what makes no sense before it is sent', () => {
    const invalid = expect.objectContaining({ code: 'INVALID_ARGUMENT' });
    expect(() => t.limit(-1)).toThrow(invalid);
    expect(() => t.sample(2)).toThrow(invalid);
    expect(() => t.join(u, 'a', 'sideways' as never)).toThrow(invalid);
    expect(() => t.write.mode('maybe' as never)).toThrow(invalid);
    expect(() => f.col('a').otherwise(1)).toThrow(invalid);
    expect(() => f.lit({} as never)).toThrow(invalid);
    expect(() => f.lit(2n ** 63n)).toThrow(invalid);
    expect(() => Window.orderBy('a').rowsBetween(1, 0)).toThrow(invalid);
  });
});

describe('a column', () => {
  it.each<[string, unknown, unknown]>([
    [
      'comparison with a value',
      f.col('a').gt('b').expression,
      called('>', attribute('a'), { literal: { string: 'b' } }),
    ],
    [
      'inequality',
      f.col('a').neq(f.col('b')).expression,
      called('not', called('==', attribute('a'), attribute('b'))),
    ],
    [
      'a range',
      f.col('a').between(1, 2).expression,
      called(
        'and',
        called('>=', attribute('a'), { literal: { integer: 1 } }),
        called('<=', attribute('a'), { literal: { integer: 2 } }),
      ),
    ],
    [
      'a case',
      f.when(f.col('a').isNull(), 0).when(f.col('a').lt(1), 1).otherwise(f.col('b')).expression,
      called(
        'when',
        called('isNull', attribute('a')),
        { literal: { integer: 0 } },
        called('<', attribute('a'), { literal: { integer: 1 } }),
        { literal: { integer: 1 } },
        attribute('b'),
      ),
    ],
    [
      'a cast',
      f.col('a').tryCast('int').expression,
      { cast: { expr: attribute('a'), typeStr: 'int', evalMode: 'EVAL_MODE_TRY' } },
    ],
    [
      'a window',
      f
        .row_number()
        .over(Window.partitionBy('a').orderBy(f.desc('b')).rowsBetween(Window.unboundedPreceding, 0))
        .expression,
      {
        window: {
          windowFunction: called('row_number'),
          partitionSpec: [attribute('a')],
          orderSpec: [
            {
              child: attribute('b'),
              direction: 'SORT_DIRECTION_DESCENDING',
              nullOrdering: 'SORT_NULLS_LAST',
            },
          ],
          frameSpec: { frameType: 'FRAME_TYPE_ROW', lower: { unbounded: true }, upper: { currentRow: true } },
        },
      },
    ],
    [
      'a function of a format',
      f.to_date('a', 'yyyy').expression,
      called('to_date', attribute('a'), { literal: { string: 'yyyy' } }),
    ],
    ['count of everything', f.count('*').expression, called('count', { literal: { integer: 1 } })],
  ])('plans %s', (_, expression, expected) => {
    expect(expression).toEqual(expected);
  });

  it('gives nested lambdas variables of their own', () => {
    const { unresolvedFunction } = f.transform('a', (x) => f.size(f.filter(x, (y) => y.gt(1)))).expression;
    const outer = unresolvedFunction!.arguments![1]!.lambdaFunction!;
    const inner =
      outer.function!.unresolvedFunction!.arguments![0]!.unresolvedFunction!.arguments![1]!.lambdaFunction!;
    expect(inner.arguments![0]!.nameParts).not.toEqual(outer.arguments![0]!.nameParts);
  });

  it.each<[unknown, unknown]>([
    [null, { null: { null: {} } }],
    [true, { boolean: true }],
    [2 ** 31, { long: '2147483648' }],
    [1.5, { double: 1.5 }],
    [-0, { double: -0 }],
    [5n, { long: '5' }],
    [new Date(-1), { timestamp: '-1000' }],
    [new Uint8Array([1]), { binary: Buffer.from([1]) }],
  ])('takes %s as a literal', (value, literal) => {
    expect(f.lit(value as null).expression).toEqual({ literal });
  });
});
