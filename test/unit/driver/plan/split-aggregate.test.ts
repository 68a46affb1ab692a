import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LogicalPlan } from '../../../../driver/plan/logical-plan.ts';
import { partitionExpression } from '../../../../driver/plan/partitioning.ts';
import { renderFragment } from '../../../../driver/plan/render/render-fragment.ts';
import { splitAggregate } from '../../../../driver/plan/split-aggregate.ts';
import type { ExpressionInput } from '../../../../proto/gen/spark/connect/Expression.ts';
import { PlanFixture, readOf } from './plan-fixture.ts';

const col = (name: string): ExpressionInput => ({ unresolvedAttribute: { unparsedIdentifier: name } });
const call = (functionName: string, ...args: ExpressionInput[]): ExpressionInput => ({
  unresolvedFunction: { functionName, arguments: args },
});

let fixture: PlanFixture;
let directory: string;
let nextId = 1_000_000;
const freshId = (): number => {
  nextId += 1;
  return nextId;
};

beforeAll(async () => {
  fixture = await PlanFixture.open();
  directory = await mkdtemp(join(tmpdir(), 'quarry-split-'));
});
afterAll(async () => {
  fixture.close();
  await rm(directory, { recursive: true });
});

/** Runs the partial step on thirds of the input, stores them as Parquet would, and finishes over all. */
async function inTwoSteps(plan: LogicalPlan, rows: number): Promise<unknown[][]> {
  const split = splitAggregate(plan, freshId);
  if (split === undefined || plan.kind !== 'aggregate') throw new Error('not split');
  const parts = [0, 1, 2].map((part) => {
    const source = renderFragment(split.partial, (leaf) => {
      const all = fixture.leaf(leaf);
      return rows === 0
        ? all
        : `(SELECT * FROM (SELECT *, row_number() OVER () AS n_ FROM ${all}) WHERE n_ % 3 = ${part})`;
    });
    return `SELECT * FROM (${source})`;
  });
  const path = join(directory, 'partial.parquet');
  await fixture.connection.run(`COPY (${parts.join(' UNION ALL ')}) TO '${path}' (FORMAT parquet)`);
  const read: LogicalPlan = { kind: 'exchange-read', output: split.partial.output, exchangeId: 1 };
  const sql = renderFragment(split.final(read), () => `read_parquet('${path}')`);
  return (await fixture.connection.runAndReadAll(sql)).getRowsJson() as unknown[][];
}

const sorted = (rows: readonly (readonly unknown[])[]): string[] =>
  rows.map((row) => JSON.stringify(row)).toSorted();

const row = fc.tuple(
  fc.option(fc.integer({ min: 0, max: 3 })),
  fc.option(fc.maxSafeInteger()),
  fc.option(fc.integer({ min: -1_000_000, max: 1_000_000 })),
  fc.option(fc.integer({ min: -1000, max: 1000 })),
);

describe('splitAggregate', () => {
  it('equals the aggregate in one step', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 40 }), fc.boolean(), async (rows, grouped) => {
        await fixture.table(
          'facts',
          'k int, big bigint, cents decimal(12,2), n int',
          rows.map(([k, big, cents, n]) =>
            [k, big, cents === null ? null : cents / 100, n].map((value) => value ?? 'NULL').join(', '),
          ),
        );
        const plan = await fixture.analyze({
          aggregate: {
            input: readOf('/tables/facts'),
            groupType: 'GROUP_TYPE_GROUPBY',
            groupingExpressions: grouped ? [col('k')] : [],
            aggregateExpressions: [
              call('sum', col('n')),
              call('sum', col('cents')),
              call('avg', col('cents')),
              call('avg', col('n')),
              call('count', col('big')),
              call('count', { literal: { integer: 1 } }),
              call('min', col('big')),
              call('max', col('cents')),
              call('+', call('sum', col('n')), call('count', col('n'))),
              call('bool_or', call('>', col('n'), { literal: { integer: 0 } })),
            ],
          },
        });
        const direct = await fixture.execute(plan);
        expect(sorted(await inTwoSteps(plan, rows.length))).toEqual(sorted(direct.rows));
      }),
      { numRuns: 25 },
    );
  });

  it('merges means and variances without losing digits', async () => {
    const rows = Array.from({ length: 99 }, (_, index) => `${index % 4}, ${1e9 + Math.sin(index)}`);
    await fixture.table('noisy', 'k int, x double', rows);
    const plan = await fixture.analyze({
      aggregate: {
        input: readOf('/tables/noisy'),
        groupType: 'GROUP_TYPE_GROUPBY',
        groupingExpressions: [col('k')],
        aggregateExpressions: ['stddev', 'stddev_pop', 'var_samp', 'var_pop', 'avg'].map((name) =>
          call(name, col('x')),
        ),
      },
    });
    const direct = (await fixture.execute(plan)).rows.toSorted((a, b) => Number(a[0]) - Number(b[0]));
    const split = (await inTwoSteps(plan, rows.length)).toSorted((a, b) => Number(a[0]) - Number(b[0]));
    for (const [index, row] of direct.entries()) {
      for (const [column, value] of row.entries()) {
        expect(Number(split[index]![column]) / Number(value || 1)).toBeCloseTo(value === 0 ? 0 : 1, 6);
      }
    }
  });

  it('keeps what every task collected', async () => {
    await fixture.table('tags', 'k int, tag string', [`1, 'a'`, `1, 'b'`, `1, 'a'`, `2, NULL`, `2, 'c'`]);
    const plan = await fixture.analyze({
      aggregate: {
        input: readOf('/tables/tags'),
        groupType: 'GROUP_TYPE_GROUPBY',
        groupingExpressions: [col('k')],
        aggregateExpressions: [
          call('array_sort', call('collect_list', col('tag'))),
          call('array_sort', call('collect_set', col('tag'))),
        ],
      },
    });
    const rows = await inTwoSteps(plan, 5);
    expect(sorted(rows)).toEqual(['[1,["a","a","b"],["a","b"]]', '[2,["c"],["c"]]']);
  });

  it('leaves distinct counts and percentiles whole', async () => {
    await fixture.table('tags', 'k int, tag string', [`1, 'a'`]);
    const plan = await fixture.analyze({
      aggregate: {
        input: readOf('/tables/tags'),
        groupType: 'GROUP_TYPE_GROUPBY',
        aggregateExpressions: [
          { unresolvedFunction: { functionName: 'count', arguments: [col('tag')], isDistinct: true } },
        ],
      },
    });
    expect(splitAggregate(plan, freshId)).toBeUndefined();
  });
});

describe('partitionExpression', () => {
  it('puts equal keys of Spark into one partition', async () => {
    const key = { kind: 'column', id: 1, type: { kind: 'double' }, nullable: true } as const;
    const sql = `SELECT ${partitionExpression([key, key], 16)} FROM (VALUES ('0.0'::DOUBLE), ('-0.0'::DOUBLE)) t(c1) UNION ALL SELECT ${partitionExpression([key, key], 16)} FROM (VALUES ('nan'::DOUBLE), (-('nan'::DOUBLE))) t(c1)`;
    const rows = (await fixture.connection.runAndReadAll(sql)).getRowsJson();
    expect(rows[0]).toEqual(rows[1]);
    expect(rows[2]).toEqual(rows[3]);
  });

  it('spreads keys, nulls among them', async () => {
    const key = { kind: 'column', id: 1, type: { kind: 'integer' }, nullable: true } as const;
    const sql = `SELECT count(DISTINCT ${partitionExpression([key], 8)}), count(*) FILTER (WHERE ${partitionExpression([key], 8)} IS NULL) FROM (SELECT CAST(range AS INTEGER) AS c1 FROM range(100) UNION ALL SELECT NULL)`;
    expect((await fixture.connection.runAndReadAll(sql)).getRowsJson()).toEqual([['8', '0']]);
  });
});
