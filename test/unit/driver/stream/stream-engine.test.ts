import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hasCode } from '../../../../common/quarry-error.ts';
import type { LiteralValue } from '../../../../driver/plan/expression.ts';
import type { LogicalPlan } from '../../../../driver/plan/logical-plan.ts';
import type { RunStep } from '../../../../driver/stream/stream-run-options.ts';
import type { StreamingQuery, StreamSpec } from '../../../../driver/stream/streaming-query.ts';
import { StreamFixture } from './stream-fixture.ts';

let fixture: StreamFixture;

beforeEach(async () => {
  fixture = await StreamFixture.open();
});

afterEach(() => fixture.close());

interface Click {
  readonly partition: number;
  readonly seconds: number;
  readonly product: string;
}

/** Clicks of three partitions out of order by some seconds, every 40th behind by more than the watermark's delay. */
function clicks(count: number): Click[] {
  return Array.from({ length: count }, (_, index) => ({
    partition: index % 3,
    seconds: 1_700_000_000 + index - ((index * 7) % 5) - (index % 40 === 39 ? 200 : 0),
    product: `p${index % 4}`,
  }));
}

const DELAY_MS = 60_000;

/** What is on time by the rule, one partition after the other. */
function onTime(all: readonly Click[]): { kept: Click[]; late: number } {
  const highest = new Map<number, number>();
  const kept = all.filter(({ partition, seconds }) => {
    const before = highest.get(partition) ?? Number.NEGATIVE_INFINITY;
    highest.set(partition, Math.max(before, seconds));
    return seconds >= before - DELAY_MS / 1_000;
  });
  return { kept, late: all.length - kept.length };
}

function countsOf(all: readonly Click[], lengthSeconds = 60): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { seconds, product } of all) {
    const key = `${seconds - (seconds % lengthSeconds)} ${product}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

async function publish(all: readonly Click[]): Promise<void> {
  await fixture.log.sink.createTopic('clicks', { partitions: 3 });
  for (const partition of [0, 1, 2]) {
    const values = all
      .filter((each) => each.partition === partition)
      .map(({ seconds, product }) => JSON.stringify({ msec: seconds, product, user: 'u' }));
    await fixture.append('clicks', values, partition);
  }
}

async function timedClicks(options: Record<string, string> = {}): Promise<void> {
  fixture.topic('clicks', 'clicks', options);
  const parsed = await fixture.sql(
    `SELECT j.product AS product, timestamp_seconds(j.msec) AS t FROM (SELECT from_json(CAST(value AS STRING), 'msec DOUBLE, product STRING') AS j FROM clicks)`,
  );
  fixture.watermark('timed', parsed, 't', DELAY_MS);
}

const COUNTS = `SELECT unix_seconds(window.start) AS s, product, n FROM (SELECT window(t, '1 minute') AS window, product, count(*) AS n FROM timed GROUP BY window(t, '1 minute'), product)`;

/** The newest row of each key, as a view or a table with replaced keys has it. */
class Collected {
  readonly rows = new Map<string, number>();
  readonly emitted: string[] = [];
  readonly batches = new Map<number, string[]>();

  readonly take = async (batch: LogicalPlan, batchId: number): Promise<void> => {
    if (batch.kind !== 'local') throw new Error(`a ${batch.kind}`);
    const keys = batch.rows.map((row: readonly LiteralValue[]) => {
      const key = `${String(row[0])} ${String(row[1])}`;
      this.rows.set(key, Number(row[2]));
      return `${key} ${String(row[2])}`;
    });
    const before = this.batches.get(batchId);
    if (before !== undefined) expect(keys.toSorted()).toEqual(before);
    else this.emitted.push(...keys);
    this.batches.set(batchId, keys.toSorted());
  };
}

function spec(collected: Collected, more: Partial<StreamSpec> = {}): Partial<StreamSpec> {
  return {
    outputMode: 'update',
    foreachBatch: collected.take,
    options: { checkpointLocation: '/ck' },
    ...more,
  };
}

function lateOf(query: StreamingQuery): number | undefined {
  return query.recentProgress.at(-1)?.stateOperators[0]?.customMetrics['lateRowsTotal'];
}

describe('a windowed count', () => {
  const all = clicks(900);
  const { kept, late } = onTime(all);

  it('is the same however the log is cut into batches', async () => {
    await publish(all);
    for (const limit of ['50', '333', '100000']) {
      await timedClicks({ maxOffsetsPerTrigger: limit });
      const collected = new Collected();
      const query = await fixture.start(
        await fixture.sql(COUNTS),
        spec(collected, { options: { checkpointLocation: `/ck-${limit}` } }),
      );
      await query.awaitTermination();
      expect(collected.rows).toEqual(countsOf(kept));
      expect(lateOf(query)).toBe(late);
      expect(query.recentProgress.reduce((sum, each) => sum + each.numInputRows, 0)).toBe(all.length);
    }
  });

  it('survives the end of the driver at every step of every kind of batch', async () => {
    await publish(all);
    const steps: readonly RunStep[] = ['planned', 'offsets-written', 'job-done', 'sink-done', 'committed'];
    for (const step of steps) {
      await timedClicks({ maxOffsetsPerTrigger: '60' });
      const plan = await fixture.sql(COUNTS);
      const collected = new Collected();
      const options = { checkpointLocation: `/ck-${step}` };
      // The first batch, one that reads state, and those before, at and after a snapshot.
      for (const batchId of [0, 1, 9, 10, 11, 12]) {
        fixture.newEngine((at, number) => {
          if (at === step && number === batchId) throw new Error('killed');
        });
        const query = await fixture.start(plan, spec(collected, { options }));
        await expect(query.awaitTermination()).rejects.toThrow('killed');
      }
      fixture.newEngine();
      const query = await fixture.start(plan, spec(collected, { options }));
      await query.awaitTermination();
      expect(collected.rows).toEqual(countsOf(kept));
      expect(lateOf(query)).toBe(late);
    }
  }, 120_000);

  it('appends each window once, when no row of it can come any more', async () => {
    await publish(all);
    await timedClicks({ maxOffsetsPerTrigger: '100' });
    const collected = new Collected();
    const query = await fixture.start(await fixture.sql(COUNTS), spec(collected, { outputMode: 'append' }));
    await query.awaitTermination();
    expect(new Set(collected.emitted).size).toBe(collected.emitted.length);
    const highest = [0, 1, 2].map((partition) =>
      Math.max(...all.filter((each) => each.partition === partition).map(({ seconds }) => seconds)),
    );
    const watermark = Math.min(...highest) - DELAY_MS / 1_000;
    const closed = [...countsOf(kept)].filter(([key]) => Number(key.split(' ')[0]) + 60 <= watermark);
    expect(collected.rows).toEqual(new Map(closed));
    // More rows close more windows, and none of the old ones again.
    await fixture.append('clicks', [JSON.stringify({ msec: 1_700_100_000, product: 'p0' })], 0);
    await fixture.append('clicks', [JSON.stringify({ msec: 1_700_100_000, product: 'p0' })], 1);
    await fixture.append('clicks', [JSON.stringify({ msec: 1_700_100_000, product: 'p0' })], 2);
    const next = await fixture.start(await fixture.sql(COUNTS), spec(collected, { outputMode: 'append' }));
    await next.awaitTermination();
    expect(new Set(collected.emitted).size).toBe(collected.emitted.length);
    expect(collected.rows).toEqual(countsOf(kept));
  });

  it('gives all groups in complete mode', async () => {
    await publish(all);
    await timedClicks({ maxOffsetsPerTrigger: '200' });
    const collected = new Collected();
    const query = await fixture.start(await fixture.sql(COUNTS), spec(collected, { outputMode: 'complete' }));
    await query.awaitTermination();
    // Nothing is dropped: a complete result keeps every group.
    expect(new Set(collected.batches.get(query.recentProgress.at(-1)!.batchId))).toEqual(
      new Set([...countsOf(all)].map(([key, count]) => `${key} ${count}`)),
    );
  });

  it('lets one run alone write its checkpoint', async () => {
    await publish(all);
    await timedClicks({ maxOffsetsPerTrigger: '100' });
    const plan = await fixture.sql(COUNTS);
    const collected = new Collected();
    let release = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    let reached = () => {};
    const atStep = new Promise<void>((resolve) => (reached = resolve));
    fixture.newEngine(async (step, batchId) => {
      if (step !== 'job-done' || batchId !== 2) return;
      reached();
      await held;
    });
    const zombie = await fixture.start(plan, spec(new Collected()));
    await atStep;
    fixture.newEngine();
    const query = await fixture.start(plan, spec(collected));
    await query.awaitTermination();
    release();
    await expect(zombie.awaitTermination()).rejects.toSatisfy((thrown) => hasCode(thrown, 'FENCED'));
    const again = await fixture.start(plan, spec(collected));
    await again.awaitTermination();
    expect(again.id).toBe(zombie.id);
    expect(again.recentProgress).toEqual([]);
  });

  it('refuses the checkpoint of another query, and says how they differ', async () => {
    await publish(all);
    await timedClicks();
    await (await fixture.start(await fixture.sql(COUNTS), spec(new Collected()))).awaitTermination();
    const other = await fixture.sql(COUNTS.replace('count(*)', 'sum(unix_seconds(t))'));
    const started = fixture.start(other, spec(new Collected()));
    await expect(started).rejects.toSatisfy((thrown) => hasCode(thrown, 'CHECKPOINT_MISMATCH'));
    await expect(started).rejects.toThrow(/was: state 0: aggregate by 2 keys/);
  });
});

describe('other operators', () => {
  it('counts sliding windows', async () => {
    const all = clicks(300);
    const { kept } = onTime(all);
    await publish(all);
    await timedClicks({ maxOffsetsPerTrigger: '70' });
    const sliding = COUNTS.replaceAll(`'1 minute'`, `'2 minutes', '1 minute'`);
    const collected = new Collected();
    await (await fixture.start(await fixture.sql(sliding), spec(collected))).awaitTermination();
    const expected = new Map<string, number>();
    for (const { seconds, product } of kept) {
      const last = seconds - (seconds % 60);
      for (const start of [last, last - 60]) {
        const key = `${start} ${product}`;
        expected.set(key, (expected.get(key) ?? 0) + 1);
      }
    }
    expect(collected.rows).toEqual(expected);
  });

  it('drops duplicates across batches and restarts', async () => {
    await fixture.log.sink.createTopic('events', { partitions: 2 });
    fixture.topic('events', 'events', { maxOffsetsPerTrigger: '7' });
    const input = await fixture.sql(`SELECT CAST(value AS STRING) AS v, 1 AS one, 1 AS n FROM events`);
    const id = input.output[0]!.id;
    const plan: LogicalPlan = {
      kind: 'deduplicate',
      output: input.output,
      input,
      keyIds: [id],
      withinWatermark: false,
    };
    const collected = new Collected();
    const values = Array.from({ length: 60 }, (_, index) => `v${(index * 13) % 17}`);
    for (const half of [values.slice(0, 30), values.slice(30)]) {
      await fixture.append('events', half, 0);
      await fixture.append('events', half.toReversed(), 1);
      fixture.newEngine();
      await (await fixture.start(plan, spec(collected, { outputMode: 'append' }))).awaitTermination();
    }
    expect(collected.emitted.toSorted()).toEqual(
      [...new Set(values)].map((value) => `${value} 1 1`).toSorted(),
    );
  });

  it('joins a stream with a table', async () => {
    fixture.plans.addView(
      'names',
      await fixture.sql(`SELECT * FROM VALUES ('p0', 'zero'), ('p1', 'one') AS v(id, name)`),
    );
    await publish(clicks(40).map((click) => ({ ...click, seconds: 1_700_000_000 })));
    await timedClicks();
    const collected = new Collected();
    const joined = await fixture.sql(
      `SELECT product, coalesce(name, 'none') AS name, count(*) AS n FROM timed LEFT JOIN names ON product = id GROUP BY 1, 2`,
    );
    await (await fixture.start(joined, spec(collected))).awaitTermination();
    expect(collected.rows).toEqual(
      new Map([
        ['p0 zero', 10],
        ['p1 one', 10],
        ['p2 none', 10],
        ['p3 none', 10],
      ]),
    );
  });

  it('refuses what streams do not support', async () => {
    await fixture.log.sink.createTopic('clicks', { partitions: 3 });
    await timedClicks();
    const refused = async (sql: string, outputMode: StreamSpec['outputMode']) =>
      expect(fixture.start(await fixture.sql(sql), spec(new Collected(), { outputMode }))).rejects.toSatisfy(
        (thrown) => hasCode(thrown, 'ANALYSIS'),
      );
    await refused('SELECT product, count(*) AS n, 1 AS one FROM timed GROUP BY product', 'append');
    await refused('SELECT * FROM timed', 'complete');
    await refused('SELECT * FROM timed ORDER BY t', 'append');
    await refused('SELECT a.product FROM timed a JOIN timed b ON a.product = b.product', 'append');
    await refused('SELECT count(DISTINCT product) FROM timed', 'update');
    await refused('SELECT 1 AS one', 'append');
  });
});
