import { randomBytes } from 'node:crypto';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COMPRESSIONS } from '../../../log/kafka/compression.ts';
import { KafkaCluster } from '../../../log/kafka/kafka-cluster.ts';
import { KafkaFetch } from '../../../log/kafka/kafka-fetch.ts';
import { openKafkaLog } from '../../../log/kafka/open-kafka-log.ts';
import { batchHeads } from '../../../log/kafka/record-batches.ts';
import type { Log, RecordHeader, RecordInput } from '../../../log/log.ts';
import { type OpenLogOptions, openLog } from '../../../log/open-log.ts';
import { readAll } from '../../conformance/log/log-suite.ts';
import { type KafkaBroker, startKafkaBroker } from '../../services/kafka-broker.ts';
import { clusterOptions, HoldingNet, setQuota } from './kafka-fixture.ts';

/** What ordinary brokers and topics do that no embedded log does. */
describe('a Kafka broker', () => {
  let broker: KafkaBroker;
  let log: Log;
  let kafka: Kafka;
  const opened: Log[] = [];

  beforeAll(async () => {
    broker = await startKafkaBroker({
      quick: true,
      settings: {
        'auto.create.topics.enable': 'false',
        'quota.window.num': '2',
        'transaction.abort.timed.out.transaction.cleanup.interval.ms': '500',
      },
    });
    kafka = new Kafka({ brokers: [broker.url.slice('kafka://'.length)], logLevel: logLevel.NOTHING });
    log = await open();
  }, 120_000);
  afterAll(async () => {
    for (const each of opened) await each.close();
    await broker?.stop();
  });

  const open = async (options: OpenLogOptions = {}) => {
    const another = await openLog(broker.url, options);
    opened.push(another);
    return another;
  };
  const admin = async (run: (client: ReturnType<Kafka['admin']>) => Promise<unknown>) => {
    const client = kafka.admin();
    await client.connect();
    await run(client);
    await client.disconnect();
  };
  /** As somebody else made it. */
  const newTopic = async (configs: Record<string, string> = {}, numPartitions = 1) => {
    const topic = `t-${randomBytes(5).toString('hex')}`;
    const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }));
    await admin((client) =>
      client.createTopics({ waitForLeaders: false, topics: [{ topic, numPartitions, configEntries }] }),
    );
    await log.sink.createTopic(topic, { partitions: numPartitions });
    return topic;
  };
  const record = (topic: string, value: string, more: Partial<RecordInput> = {}): RecordInput => ({
    topic,
    partition: 0,
    key: null,
    value: Buffer.from(value),
    timestampMs: Date.now(),
    ...more,
  });
  const valuesOf = async (topic: string, range = {}, from = log) =>
    (await readAll(from, topic, 0, range)).map(({ value }) => value);
  const errorOf = async (promise: Promise<unknown>) => {
    const error = (await promise.catch((thrown: unknown) => thrown)) as { code?: string; message?: string };
    return `${error?.code}: ${error?.message}`;
  };
  const noise = (bytes: number) => randomBytes(bytes).toString('base64').slice(0, bytes);

  it('unpacks what is packed here, and is read when it has packed', async () => {
    const values = Array.from({ length: 5_000 }, (_, index) => `{"user":"u${index % 17}","n":${index}}`);
    for (const [id, name] of COMPRESSIONS.entries()) {
      // The broker takes the producer's packing apart and packs it in its own way, with its Java codecs.
      const other = COMPRESSIONS[(id + 1) % COMPRESSIONS.length]!;
      const packing = await open({ compression: other });
      const repacked = await newTopic({ 'compression.type': name === 'none' ? 'uncompressed' : name });
      const asSent = await newTopic();
      for (const topic of [repacked, asSent]) {
        await packing.sink.append(values.map((value) => record(topic, value)));
        const producer = await packing.sink.transactional(`p-${topic}`);
        await producer.commit(values.map((value) => record(topic, value)));
        expect(await valuesOf(topic), `${other} as ${name}`).toEqual([...values, ...values]);
      }
      expect([await codecOf(repacked), await codecOf(asSent)]).toEqual([id, COMPRESSIONS.indexOf(other)]);
    }
  });

  async function codecOf(topic: string): Promise<number> {
    const fetch = new KafkaFetch(new KafkaCluster(clusterOptions(broker.url)), { topic, partition: 0 });
    const { records } = await fetch.fetch(0);
    fetch.close();
    return batchHeads(records)[0]!.attributes & 7;
  }

  it('keeps headers, which kafkajs writes and reads too', async () => {
    const topic = await newTopic();
    const headers: RecordHeader[] = [
      { key: 'trace', value: Buffer.from('ours') },
      { key: 'empty', value: Buffer.alloc(0) },
    ];
    const packing = await open({ compression: 'lz4' });
    await packing.sink.append([record(topic, 'a', { headers }), record(topic, 'b')]);
    const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
    await producer.connect();
    await producer.send({
      topic,
      messages: [{ value: 'c', headers: { trace: 'theirs', many: ['1', '2'] } }],
    });
    await producer.disconnect();
    const read: (readonly RecordHeader[])[] = [];
    for await (const batch of log.source.read({ topic, partition: 0, from: 0, until: 3 }, { headers: true }))
      read.push(...batch.headers!);
    const theirs = [
      { key: 'trace', value: Buffer.from('theirs') },
      { key: 'many', value: Buffer.from('1') },
      { key: 'many', value: Buffer.from('2') },
    ];
    expect(read).toEqual([headers, [], theirs]);
    const seen: unknown[] = [];
    const consumer = kafka.consumer({ groupId: `g-${topic}` });
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({ eachMessage: async ({ message }) => void seen.push(message.headers) });
    await expect.poll(() => seen.length, { timeout: 30_000 }).toBe(3);
    await consumer.disconnect();
    expect(seen[0]).toEqual({ trace: Buffer.from('ours'), empty: Buffer.alloc(0) });
  });

  it('may set the times itself, and limit those of others', async () => {
    const stamped = await newTopic({ 'message.timestamp.type': 'LogAppendTime' });
    const beforeMs = Date.now();
    await log.sink.append([record(stamped, 'a', { timestampMs: 1_000 }), record(stamped, 'b')]);
    for (const { timestampMs } of await readAll(log, stamped)) {
      expect(timestampMs).toBeGreaterThanOrEqual(beforeMs - 1_000);
      expect(timestampMs).toBeLessThanOrEqual(Date.now() + 1_000);
    }
    const aheadMs = Date.UTC(2100, 0);
    const theirs = await newTopic();
    const ahead = log.sink.append([record(theirs, 'a', { timestampMs: aheadMs })]);
    expect(await errorOf(ahead)).toMatch(/^INVALID_ARGUMENT.*message.timestamp.after.max.ms/);
    const ours = `t-${randomBytes(5).toString('hex')}`;
    await log.sink.createTopic(ours, { partitions: 1 });
    await log.sink.append([record(ours, 'a', { timestampMs: aheadMs })]);
    expect((await readAll(log, ours))[0]!.timestampMs).toBe(aheadMs);
  });

  it('gets smaller batches for a topic that takes no large ones, and names the setting for a record', async () => {
    const topic = await newTopic({ 'max.message.bytes': '20000' });
    const other = await newTopic();
    const values = Array.from({ length: 100 }, () => noise(3_000));
    await log.sink.append(values.map((value) => record(topic, value)));
    expect(await valuesOf(topic)).toEqual(values);
    const large = record(topic, noise(30_000));
    expect(await errorOf(log.sink.append([large]))).toMatch(/^LIMIT_EXCEEDED.*max.message.bytes/);
    const producer = await log.sink.transactional(`p-${topic}`);
    await producer.commit([...values.map((value) => record(topic, value)), record(other, 'first')]);
    const refused = producer.commit([record(topic, 'kept from readers'), record(other, 'and this'), large]);
    expect(await errorOf(refused)).toMatch(/^LIMIT_EXCEEDED.*max.message.bytes/);
    // Aborted, not left open: the same producer goes on, and nobody waits for the broker's minute.
    await producer.commit([record(topic, 'last'), record(other, 'last')]);
    expect(await valuesOf(topic)).toEqual([...values, ...values, 'last']);
    expect(await valuesOf(other)).toEqual(['first', 'last']);
    await producer.close();
  });

  it('tells of a topic that was made anew while it is read', async () => {
    const topic = await newTopic();
    await log.sink.append(Array.from({ length: 10 }, (_, index) => record(topic, `old${index}`)));
    const stop = new AbortController();
    const following = (async () => {
      const start = { topic, partition: 0, from: 10 };
      for await (const batch of log.source.follow(start, { signal: stop.signal }))
        expect(batch.offsets).toEqual([]);
    })();
    const ended = errorOf(following);
    await new Promise((resolve) => setTimeout(resolve, 300));
    await admin((client) => client.deleteTopics({ topics: [topic] }));
    await admin((client) =>
      client.createTopics({ waitForLeaders: false, topics: [{ topic, numPartitions: 1 }] }),
    );
    expect(await ended).toMatch(/^(OFFSET_OUT_OF_RANGE|TOPIC_NOT_FOUND): .*t-/);
    stop.abort();
    expect(await log.sink.createTopic(topic, { partitions: 1 })).toBe(false);
    // The same producer, whose numbers the new topic has not seen.
    await log.sink.append([record(topic, 'new')]);
    expect(await valuesOf(topic)).toEqual(['new']);
    expect(await errorOf(valuesOf(topic, { from: 5, until: 10 }))).toMatch(/^OFFSET_OUT_OF_RANGE/);
  });

  it('may add partitions while a topic is read and written', async () => {
    const topic = await newTopic();
    const writer = await open();
    await writer.sink.append([record(topic, 'a')]);
    expect(await log.source.latest(topic)).toEqual([{ partition: 0, offset: 1 }]);
    await admin((client) => client.createPartitions({ topicPartitions: [{ topic, count: 3 }] }));
    await expect.poll(async () => (await log.source.latest(topic)).length).toBe(3);
    await writer.sink.append([record(topic, 'b', { partition: 2 })]);
    expect((await log.source.latest(topic)).map(({ offset }) => offset)).toEqual([1, 0, 1]);
    expect((await readAll(log, topic, 2)).map(({ value }) => value)).toEqual(['b']);
    const refused = writer.sink.append([record(topic, 'c', { partition: 3 })]);
    expect(await errorOf(refused)).toMatch(/^INVALID_ARGUMENT.*has 3 partitions/);
  });

  it('slows down who is over the quota, and nothing fails', async () => {
    const topic = await newTopic();
    await setQuota(broker.url, 'slow', 2_500_000);
    // No longer than the pauses that the broker makes.
    const slow = await open({ clientId: 'slow', timeoutMs: 700 });
    const values = Array.from({ length: 100 }, () => noise(100_000));
    await log.sink.append(values.map((value) => record(topic, value)));
    const startedMs = performance.now();
    expect((await valuesOf(topic, {}, slow)).length).toBe(values.length);
    expect(performance.now() - startedMs).toBeGreaterThan(1_500);
  });

  it('aborts a transaction that takes too long; the producer is told that it was not fenced', async () => {
    const topic = await newTopic();
    const net = new HoldingNet();
    const stopped = openKafkaLog(clusterOptions(broker.url, { net, transactionTimeoutMs: 1_000 }));
    opened.push(stopped);
    const producer = await stopped.sink.transactional(`p-${topic}`);
    await producer.commit([record(topic, 'a')]);
    const END_TXN = 26;
    net.isHeld = (apiKey) => apiKey === END_TXN;
    const late = errorOf(producer.commit([record(topic, 'too late')]));
    await expect.poll(() => net.heldCount).toBe(1);
    // Behind an open transaction nothing can be read; when it ends without us, it was aborted.
    await log.sink.append([record(topic, 'b')]);
    await expect.poll(() => valuesOf(topic), { timeout: 20_000, interval: 200 }).toEqual(['a', 'b']);
    net.letGo();
    expect(await late).toMatch(/^LOG_UNAVAILABLE.*transaction.timeout.ms.*open the producer again/);
    const again = await stopped.sink.transactional(`p-${topic}`);
    await again.commit([record(topic, 'c')]);
    expect(await valuesOf(topic)).toEqual(['a', 'b', 'c']);
    const newer = await log.sink.transactional(`p-${topic}`);
    expect(await errorOf(again.commit([record(topic, 'zombie')]))).toMatch(/^FENCED/);
    await newer.commit([record(topic, 'd')]);
    expect(await valuesOf(topic)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('keeps aborted records from readers whose fetches begin and end in them', async () => {
    const topic = await newTopic();
    const producer = kafka.producer({
      transactionalId: `tx-${topic}`,
      maxInFlightRequests: 1,
      idempotent: true,
      createPartitioner: Partitioners.DefaultPartitioner,
    });
    await producer.connect();
    // More than one fetch brings, each part.
    const send = async (end: 'commit' | 'abort', name: string) => {
      const transaction = await producer.transaction();
      for (let index = 0; index < 6; index++) {
        await transaction.send({
          topic,
          messages: [{ key: 'k', value: `${name}${index}${noise(900_000)}` }],
        });
        await log.sink.append([record(topic, `plain ${name}${index}`)]);
      }
      await (end === 'commit' ? transaction.commit() : transaction.abort());
    };
    await send('abort', 'x');
    await send('commit', 'y');
    await send('abort', 'z');
    await producer.disconnect();
    const six = [0, 1, 2, 3, 4, 5];
    const all = [
      ...six.map((index) => `plain x${index}`),
      ...six.flatMap((index) => [`y${index}`, `plain y${index}`]),
      ...six.map((index) => `plain z${index}`),
    ];
    const read = await readAll(log, topic);
    expect(read.map(({ value }) => value!.slice(0, value!.startsWith('plain') ? 8 : 2))).toEqual(all);
    // From every place in it.
    for (let from = 0; from < 12; from += 3) {
      const rest = (await readAll(log, topic, 0, { from })).map(({ offset }) => offset);
      expect(rest).toEqual(read.map(({ offset }) => offset).filter((offset) => offset >= from));
    }
  });
});
