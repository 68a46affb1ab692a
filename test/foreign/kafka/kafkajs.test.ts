import { randomBytes } from 'node:crypto';
import { CompressionTypes, Kafka, logLevel, Partitioners } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Log } from '../../../log/log.ts';
import { openLog } from '../../../log/open-log.ts';
import { readAll } from '../../conformance/log/log-suite.ts';
import { type KafkaBroker, startKafkaBroker } from '../../services/kafka-broker.ts';

/** Another client of the same broker: what it writes is read, what is written it reads. */
describe('beside kafkajs', () => {
  let broker: KafkaBroker;
  let log: Log;
  let kafka: Kafka;
  const newTopic = async (partitions = 1) => {
    const topic = `t-${randomBytes(5).toString('hex')}`;
    await log.sink.createTopic(topic, { partitions });
    return topic;
  };

  beforeAll(async () => {
    broker = await startKafkaBroker({ quick: true });
    log = await openLog(broker.url);
    kafka = new Kafka({ brokers: [broker.url.slice('kafka://'.length)], logLevel: logLevel.NOTHING });
  }, 120_000);
  afterAll(async () => {
    await log?.close();
    await broker?.stop();
  });

  const record = (topic: string, value: string) => ({
    topic,
    key: null,
    value: Buffer.from(value),
    timestampMs: 1_000,
  });

  it('leaves out what kafkajs aborted or has not committed, also gzipped', async () => {
    const topic = await newTopic();
    const options = {
      idempotent: true,
      maxInFlightRequests: 1,
      createPartitioner: Partitioners.DefaultPartitioner,
    };
    const producer = kafka.producer({ ...options, transactionalId: `tx-${topic}` });
    await producer.connect();
    const send = async (
      values: string[],
      end: 'commit' | 'abort' | 'leave',
      compression = CompressionTypes.None,
    ) => {
      const transaction = await producer.transaction();
      await transaction.send({
        topic,
        compression,
        messages: values.map((value) => ({ key: 'k', value, headers: { h: 'x' } })),
      });
      if (end === 'commit') await transaction.commit();
      else if (end === 'abort') await transaction.abort();
    };
    await send(['a', 'b'], 'commit', CompressionTypes.GZIP);
    await send(['aborted'], 'abort', CompressionTypes.GZIP);
    await send(['c'], 'commit');
    await send(['open'], 'leave');
    await log.sink.append([record(topic, 'behind the open one')]);
    await expect
      .poll(async () => (await readAll(log, topic)).map(({ value }) => value))
      .toEqual(['a', 'b', 'c']);
    // A newer producer of the name aborts what was left open, and kafkajs's is fenced.
    const newer = await log.sink.transactional(`tx-${topic}`);
    await newer.commit([record(topic, 'd')]);
    expect((await readAll(log, topic)).map(({ value }) => value)).toEqual([
      'a',
      'b',
      'c',
      'behind the open one',
      'd',
    ]);
    await newer.close();
    await producer.disconnect();
  });

  it('writes what kafkajs reads: keys, times and the partitions it would have chosen', async () => {
    const topic = await newTopic(3);
    const keys = Array.from({ length: 100 }, (_, index) => `key-${index}`);
    await log.sink.append(
      keys.map((key, index) => ({
        topic,
        key: Buffer.from(key),
        value: Buffer.from(`v${key}`),
        timestampMs: 5_000 + index,
      })),
    );
    const partitionOf = Partitioners.DefaultPartitioner();
    const partitionMetadata = [0, 1, 2].map((partitionId) => ({
      partitionErrorCode: 0,
      partitionId,
      leader: 1,
      replicas: [1],
      isr: [1],
      offlineReplicas: [],
    }));
    const consumer = kafka.consumer({ groupId: `g-${topic}` });
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    const seen = new Map<string, string>();
    await consumer.run({
      eachMessage: async ({ partition, message }) => {
        const key = message.key!;
        expect(partition).toBe(partitionOf({ topic, partitionMetadata, message: { key, value: null } }));
        seen.set(key.toString(), `${message.value!.toString()} ${message.timestamp}`);
      },
    });
    await expect.poll(() => seen.size, { timeout: 30_000 }).toBe(100);
    expect(Object.fromEntries(seen)).toEqual(
      Object.fromEntries(keys.map((key, index) => [key, `v${key} ${5_000 + index}`])),
    );
    await consumer.disconnect();
  });
});
