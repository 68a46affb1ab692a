import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LiteralValue } from '../../../../driver/plan/expression.ts';
import type { LogicalPlan } from '../../../../driver/plan/logical-plan.ts';
import { StreamFixture } from './stream-fixture.ts';

let fixture: StreamFixture;

beforeEach(async () => {
  fixture = await StreamFixture.open();
});
afterEach(async () => {
  await fixture.close();
});

/** The rows of the last batch of a query over `values`, five to a batch, that gives all its groups each time. */
async function last(sql: string, values: readonly string[]): Promise<LiteralValue[][]> {
  await fixture.log.sink.createTopic('numbers', { partitions: 1 });
  await fixture.append('numbers', values);
  fixture.topic('numbers', 'numbers', { maxOffsetsPerTrigger: '5' });
  let rows: LiteralValue[][] = [];
  const query = await fixture.start(await fixture.sql(sql), {
    outputMode: 'complete',
    foreachBatch: async (batch: LogicalPlan) => {
      if (batch.kind === 'local') rows = batch.rows.map((row) => [...row]);
    },
  });
  await query.awaitTermination();
  expect(query.recentProgress.length).toBe(Math.ceil(values.length / 5));
  return rows;
}

const AS_LONG = `SELECT CAST(CAST(value AS STRING) AS BIGINT) AS v FROM numbers`;

describe('aggregates whose state is joined batch by batch', () => {
  it('moments agree with all values at once', async () => {
    const values = Array.from({ length: 23 }, (_, index) => 1_000_000 + ((index * 37) % 101));
    const mean = values.reduce((sum, each) => sum + each, 0) / values.length;
    const squares = values.reduce((sum, each) => sum + (each - mean) ** 2, 0);
    const [row] = await last(
      `SELECT stddev(v), variance(v), var_pop(v), stddev_pop(v) FROM (${AS_LONG})`,
      values.map(String),
    );
    const expected = [Math.sqrt(squares / 22), squares / 22, squares / 23, Math.sqrt(squares / 23)];
    for (const [index, value] of expected.entries()) expect(Number(row![index])).toBeCloseTo(value, 6);
  });

  it('max_by and min_by find the value beside the extreme, last one of the newest batch, first one that began a batch', async () => {
    const values = ['7', '3', '9', '1', '5', '8', '2', '6', '4', '0', '12'];
    const [row] = await last(
      `SELECT max_by(v, -v), min_by(v, -v), first(v), last(v), max_by(v, CASE WHEN v < 0 THEN 1 END) FROM (${AS_LONG})`,
      values,
    );
    const [most, least, first, last_, none] = row!.map((value) => (value === null ? null : Number(value)));
    expect([most, least, last_, none]).toEqual([0, 12, 12, null]);
    expect([7, 8, 12]).toContain(first);
  });

  it('approx_count_distinct is exact for few values and nulls count for nothing', async () => {
    const values = Array.from({ length: 40 }, (_, index) => String(index % 13));
    const [row] = await last(
      `SELECT approx_count_distinct(v), approx_count_distinct(CASE WHEN v > 100 THEN v END) FROM (${AS_LONG})`,
      values,
    );
    expect(row!.map(Number)).toEqual([13, 0]);
  });

  it('approx_count_distinct of many values is near', async () => {
    const [row] = await last(
      `SELECT approx_count_distinct(e) FROM (SELECT explode(sequence(v * 2000, v * 2000 + 3999)) AS e FROM (${AS_LONG}))`,
      ['0', '1', '2', '3', '4', '5', '6'],
    );
    // 7 * 2000 + 2000 values; four standard errors.
    expect(Math.abs(Number(row![0]) - 16_000)).toBeLessThan(16_000 * 0.09);
  });
});

describe('temporary checkpoints', () => {
  const streams = () =>
    [...fixture.files.directories].filter((path) => path.startsWith('/tmp/quarry-streams/'));

  it('go with a query that ends or is stopped, and stay after a failure', async () => {
    await fixture.log.sink.createTopic('numbers', { partitions: 1 });
    await fixture.append('numbers', ['1']);
    fixture.topic('numbers', 'numbers');
    const plan = await fixture.sql(AS_LONG);
    await (await fixture.start(plan, {})).awaitTermination();
    expect(streams()).toEqual([]);
    const running = await fixture.start(plan, { trigger: { kind: 'processing-time', intervalMs: 0 } });
    await running.processAllAvailable();
    expect(streams()).not.toEqual([]);
    await running.stop();
    expect(streams()).toEqual([]);
    const failing = await fixture.start(plan, {
      foreachBatch: async () => {
        throw new Error('not this one');
      },
    });
    await expect(failing.awaitTermination()).rejects.toThrow('not this one');
    expect(streams()).not.toEqual([]);
  });

  it('are not left by a query that could not start', async () => {
    fixture.topic('none', 'none');
    await expect(fixture.start(await fixture.sql('SELECT value FROM none'), {})).rejects.toThrow('none');
    expect(streams()).toEqual([]);
  });
});

it('a watermark on a union is one on each of its inputs', async () => {
  await fixture.log.sink.createTopic('a', { partitions: 1 });
  await fixture.log.sink.createTopic('b', { partitions: 1 });
  // 100 comes after 1000: late in a log of its own, and not in the other's.
  await fixture.append('a', ['1000', '100']);
  await fixture.append('b', ['100']);
  fixture.topic('a', 'a');
  fixture.topic('b', 'b');
  const union = await fixture.sql(
    `SELECT timestamp_seconds(CAST(CAST(value AS STRING) AS BIGINT)) AS t FROM a UNION ALL SELECT timestamp_seconds(CAST(CAST(value AS STRING) AS BIGINT)) FROM b`,
  );
  fixture.watermark('timed', union, 't', 10_000);
  const counted = new Map<number, number>();
  const query = await fixture.start(
    await fixture.sql('SELECT unix_seconds(t) AS s, count(*) AS n FROM timed GROUP BY t'),
    {
      outputMode: 'update',
      foreachBatch: async (batch) => {
        if (batch.kind === 'local') for (const [s, n] of batch.rows) counted.set(Number(s), Number(n));
      },
    },
  );
  await query.awaitTermination();
  expect(counted).toEqual(
    new Map([
      [1_000, 1],
      [100, 1],
    ]),
  );
});
