import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Log, RecordInput } from '../../../log/log.ts';
import { openLog } from '../../../log/open-log.ts';
import { readAll } from '../../conformance/log/log-suite.ts';
import { type KafkaCluster, startKafkaCluster } from '../../services/kafka-broker.ts';

/** Three brokers with three replicas of everything: leaders and coordinators move, and nobody who uses the log notices. */
describe('Kafka of several brokers', () => {
  let brokers: KafkaCluster;
  let log: Log;

  beforeAll(async () => {
    brokers = await startKafkaCluster(3, {
      quick: true,
      heap: '256m',
      settings: {
        // A broker that was killed is missed sooner than by default.
        'broker.session.timeout.ms': '3000',
        'broker.heartbeat.interval.ms': '500',
        'leader.imbalance.check.interval.seconds': '1',
      },
    });
    log = await openLog(brokers.url);
  }, 120_000);
  afterAll(async () => {
    await log?.close();
    await brokers?.stop();
  });

  const record = (topic: string, value: string, partition: number): RecordInput => ({
    topic,
    partition,
    key: null,
    value: Buffer.from(value),
    timestampMs: Date.now(),
  });

  it('knows a topic as soon as any of them does, and that there is none as soon as all say so', async () => {
    const others = await Promise.all(
      brokers.url
        .slice('kafka://'.length)
        .split(',')
        .map((address) => openLog(`kafka://${address}`)),
    );
    for (let round = 0; round < 10; round++) {
      const topic = `t-${randomBytes(5).toString('hex')}`;
      await log.sink.createTopic(topic, { partitions: 3 });
      const counts = await Promise.all(others.map((other) => other.source.partitionCount(topic)));
      expect(counts).toEqual([3, 3, 3]);
    }
    await expect(log.source.partitionCount('no-such-topic')).rejects.toMatchObject({
      code: 'TOPIC_NOT_FOUND',
    });
    for (const other of others) await other.close();
  });

  it('loses nothing and repeats nothing while one broker restarts and another is killed', async () => {
    const topic = `t-${randomBytes(5).toString('hex')}`;
    await log.sink.createTopic(topic, { partitions: 3 });
    const stop = new AbortController();
    let running = true;

    const appended: string[][] = [[], [], []];
    const appending = (async () => {
      for (let index = 0; running; index++) {
        const values = [0, 1, 2].map((partition) => `a${index}/${partition}`);
        await log.sink.append(values.map((value, partition) => record(topic, value, partition)));
        for (const [partition, value] of values.entries()) appended[partition]!.push(value);
      }
    })();
    const committed: string[] = [];
    const committing = (async () => {
      const producer = await log.sink.transactional(`p-${topic}`);
      for (let index = 0; running; index++) {
        await producer.commit([0, 1, 2].map((partition) => record(topic, `c${index}`, partition)));
        committed.push(`c${index}`);
      }
      await producer.close();
    })();
    const seen: string[][] = [[], [], []];
    const following = [0, 1, 2].map(async (partition) => {
      for await (const batch of log.source.follow({ topic, partition, from: 0 }, { signal: stop.signal }))
        seen[partition]!.push(...batch.values.map(String));
    });
    const progress = async () => {
      const before = [appended[0]!.length, committed.length];
      await expect
        .poll(() => appended[0]!.length > before[0]! + 5 && committed.length > before[1]! + 5, {
          timeout: 30_000,
        })
        .toBe(true);
    };

    await progress();
    // As an operator stops it, then as a machine that dies; each of them leads a partition.
    await brokers.nodes[1]!.end('SIGTERM');
    await progress();
    await brokers.nodes[1]!.start();
    await progress();
    await brokers.nodes[2]!.end('SIGKILL');
    await progress();
    running = false;
    await Promise.all([appending, committing]);

    for (const partition of [0, 1, 2]) {
      const values = (await readAll(log, topic, partition)).map(({ value }) => value!);
      expect(values.filter((value) => value.startsWith('a'))).toEqual(appended[partition]);
      expect(values.filter((value) => value.startsWith('c'))).toEqual(committed);
      await expect.poll(() => seen[partition]!.length, { timeout: 10_000 }).toBe(values.length);
      expect(seen[partition]).toEqual(values);
    }
    stop.abort();
    await Promise.all(following);
  }, 120_000);
});
