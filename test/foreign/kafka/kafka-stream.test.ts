import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LogicalPlan } from '../../../driver/plan/logical-plan.ts';
import type { Log } from '../../../log/log.ts';
import { openLog } from '../../../log/open-log.ts';
import { type KafkaBroker, startKafkaBroker } from '../../services/kafka-broker.ts';
import { StreamFixture } from '../../unit/driver/stream/stream-fixture.ts';

let broker: KafkaBroker;
let kafka: Log;
let fixture: StreamFixture;

beforeAll(async () => {
  [broker, fixture] = await Promise.all([startKafkaBroker({ quick: true }), StreamFixture.open()]);
  kafka = await openLog(broker.url);
}, 60_000);
afterAll(async () => {
  await fixture?.close();
  await kafka?.close();
  await broker?.stop();
});

/** Numbers from `from` up to `until` in two partitions in turn. */
async function produce(from: number, until: number): Promise<void> {
  const numbers = Array.from({ length: until - from }, (_, index) => from + index);
  await kafka.sink.append(
    numbers.map((number) => ({
      topic: 'in',
      partition: number % 2,
      key: Buffer.from(`k${number % 3}`),
      value: Buffer.from(String(number)),
      timestampMs: number * 1_000,
    })),
  );
}

async function valuesOf(topic: string): Promise<string[]> {
  const ends = await kafka.source.latest(topic);
  const values: string[] = [];
  for (const { partition, offset: until } of ends) {
    for await (const batch of kafka.source.read({ topic, partition, from: 0, until }))
      values.push(...batch.values.map((value) => value?.toString() ?? 'null'));
  }
  return values;
}

describe('a streaming query of a real Kafka', () => {
  it('goes on when the broker was killed and is back, and writes each record to its sink once', async () => {
    await kafka.sink.createTopic('in', { partitions: 2 });
    await kafka.sink.createTopic('out', { partitions: 2 });
    const servers = { 'kafka.bootstrap.servers': broker.url.slice('kafka://'.length) };
    const columns = [
      ['key', 'binary'],
      ['value', 'binary'],
    ] as const;
    const options = { ...servers, subscribe: 'in', startingOffsets: 'earliest', maxOffsetsPerTrigger: '60' };
    fixture.plans.addView('records', fixture.source('kafka', columns, options));
    const plan: LogicalPlan = await fixture.sql(
      `SELECT key, concat('n', CAST(value AS STRING)) AS value FROM records`,
    );
    await produce(0, 100);
    const query = await fixture.start(plan, {
      format: 'kafka',
      options: { ...servers, topic: 'out', checkpointLocation: '/ck' },
      trigger: { kind: 'processing-time', intervalMs: 100 },
    });
    await query.processAllAvailable();
    expect(query.recentProgress.map(({ numInputRows }) => numInputRows).slice(0, 2)).toEqual([60, 40]);
    expect(query.recentProgress.at(-1)?.sources[0]).toMatchObject({
      description: 'KafkaV2[Subscribe[in]]',
      endOffset: { in: { 0: 50, 1: 50 } },
      metrics: { maxOffsetsBehindLatest: '0' },
    });
    await broker.kill();
    await broker.restart();
    expect(query.isActive).toBe(true);
    await produce(100, 200);
    await query.processAllAvailable();
    await query.stop();
    expect(query.exception).toBeUndefined();
    const expected = Array.from({ length: 200 }, (_, number) => `n${number}`);
    expect((await valuesOf('out')).toSorted()).toEqual(expected.toSorted());
  }, 60_000);
});
