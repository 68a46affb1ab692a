// Two clients of one real Kafka: log/kafka and kafkajs, in turns, each in a process of its own. Events of 200 B, three partitions,
// acks=all, no compression: produced in batches of 5,000 one after the other, then read batch by batch, read_committed.
//   node --import tsx bench/kafka-clients.ts [events] [rounds]          (needs: bash scripts/foreign-kafka.sh)
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { type EachBatchPayload, Kafka, logLevel, Partitioners } from 'kafkajs';
import { packageRoot } from '../common/package-root.ts';
import { openLog } from '../log/open-log.ts';
import { report } from './report.ts';

const EVENTS = Number(process.argv[2] ?? 1_000_000);
const ROUNDS = Number(process.argv[3] ?? 3);
const APPEND_RECORDS = 5_000;
const KEYS = 10_000;
/** What log/kafka asks for in one fetch. */
const FETCH_BYTES = 4 * 1024 * 1024;
const value = Buffer.alloc(192, 'x');

interface Work {
  readonly kind: 'produce' | 'read';
  readonly topic: string;
}

interface Done {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

interface Client {
  produce(topic: string): Promise<Done>;
  read(topic: string): Promise<Done>;
}

/** Counts from the call on; the answer says what it took. */
function stopwatch(): () => Done {
  const startedMs = performance.now();
  const before = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(before);
    return { seconds: (performance.now() - startedMs) / 1_000, cpuSeconds: (user + system) / 1e6 };
  };
}

async function inBatches(send: (keys: string[]) => Promise<unknown>): Promise<Done> {
  const stop = stopwatch();
  for (let sent = 0; sent < EVENTS; sent += APPEND_RECORDS) {
    const count = Math.min(APPEND_RECORDS, EVENTS - sent);
    await send(Array.from({ length: count }, (_, index) => `k${(sent + index) % KEYS}`));
  }
  return stop();
}

async function own(url: string): Promise<Client> {
  const log = await openLog(url);
  return {
    produce: (topic) =>
      inBatches((keys) => {
        const timestampMs = Date.now();
        return log.sink.append(keys.map((key) => ({ topic, key: Buffer.from(key), value, timestampMs })));
      }),
    async read(topic) {
      const ranges = await log.source.latest(topic);
      const stop = stopwatch();
      let events = 0;
      await Promise.all(
        ranges.map(async ({ partition, offset: until }) => {
          for await (const batch of log.source.read({ topic, partition, from: 0, until }))
            events += batch.values.length;
        }),
      );
      if (events !== EVENTS) throw new Error(`${events} events read, ${EVENTS} were produced`);
      return stop();
    },
  };
}

async function foreign(url: string): Promise<Client> {
  const kafka = new Kafka({ brokers: [url.slice('kafka://'.length)], logLevel: logLevel.NOTHING });
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  return {
    produce: (topic) =>
      inBatches((keys) => {
        const timestamp = String(Date.now());
        return producer.send({ topic, acks: -1, messages: keys.map((key) => ({ key, value, timestamp })) });
      }),
    async read(topic) {
      const consumer = kafka.consumer({ groupId: `read-${topic}`, maxBytesPerPartition: FETCH_BYTES });
      await consumer.connect();
      await consumer.subscribe({ topic, fromBeginning: true });
      // Joining the group is not counted.
      let stop = stopwatch();
      consumer.on(consumer.events.GROUP_JOIN, () => (stop = stopwatch()));
      let events = 0;
      const done = await new Promise<Done>((resolve, reject) => {
        const eachBatch = async ({ batch }: EachBatchPayload) => {
          events += batch.messages.length;
          if (events === EVENTS) resolve(stop());
        };
        consumer.run({ autoCommit: false, partitionsConsumedConcurrently: 3, eachBatch }).catch(reject);
      });
      await consumer.disconnect();
      return done;
    },
  };
}

/** In the process of one client: does what the parent says, one piece of work after the other. */
async function serve(name: string, url: string): Promise<void> {
  const client = await (name === 'kafkajs' ? foreign(url) : own(url));
  const work = async ({ kind, topic }: Work) => process.send!(await client[kind](topic));
  process.on('message', (told: Work) => void work(told));
  process.on('disconnect', () => process.exit());
  process.send!('ready');
}

async function compare(): Promise<void> {
  const broker = fork(join(packageRoot, 'test/services/run-kafka-broker.ts'), {
    execArgv: ['--import', 'tsx'],
  });
  const [{ url }] = (await once(broker, 'message')) as [{ url: string }];
  const admin = await openLog(url);
  const names = ['log-kafka', 'kafkajs'];
  const clients = new Map<string, ChildProcess>();
  const figures = new Map<string, { values: number[]; unit: string }>();
  const note = (metric: string, amount: number, unit: string) =>
    figures.set(metric, { values: [...(figures.get(metric)?.values ?? []), amount], unit });
  try {
    for (const name of names) {
      const args = [String(EVENTS), String(ROUNDS), name, url];
      const child = fork(import.meta.filename, args, { execArgv: ['--import', 'tsx'] });
      await once(child, 'message');
      clients.set(name, child);
    }
    for (let round = 0; round <= ROUNDS; round++) {
      // The first round warms up and is not counted.
      if (round === 1) figures.clear();
      for (const name of names) {
        const topic = `bench-${name}-${round}`;
        await admin.sink.createTopic(topic, { partitions: 3 });
        for (const kind of ['produce', 'read'] as const) {
          const child = clients.get(name)!;
          child.send({ kind, topic } satisfies Work);
          const [done] = (await once(child, 'message')) as [Done];
          note(`${name}.${kind}.rate`, EVENTS / done.seconds, 'events/s');
          note(`${name}.${kind}.cpu`, (done.cpuSeconds / EVENTS) * 1e6, 'CPU-s/1M');
        }
      }
    }
  } finally {
    for (const child of clients.values()) child.disconnect();
    await admin.close();
    const gone = once(broker, 'exit');
    broker.disconnect();
    await gone;
  }
  for (const [metric, { values, unit }] of figures) report(metric, values, unit);
}

const [name, url] = process.argv.slice(4);
if (name !== undefined && url !== undefined) await serve(name, url);
else await compare();
