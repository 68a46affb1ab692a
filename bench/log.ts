// Events of 200 B through the log's interface: produced by one producer in durable batches, and read back. The embedded log
// and a real Kafka in turns, each a process of its own; three partitions.
//   node --import tsx bench/log.ts [events] [rounds]          (needs: bash scripts/foreign-kafka.sh)
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../common/package-root.ts';
import type { RoleMessage } from '../common/role.ts';
import type { Log } from '../log/log.ts';
import { openLog } from '../log/open-log.ts';
import { report } from './report.ts';

const EVENTS = Number(process.argv[2] ?? 1_000_000);
const ROUNDS = Number(process.argv[3] ?? 3);
const APPEND_RECORDS = 5_000;
const CLOCK_TICKS = 100;
const value = Buffer.alloc(192, 'x');

interface Server {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

function forked(file: string, argument: string[]): ChildProcess {
  return fork(join(packageRoot, file), argument, { execArgv: ['--import', 'tsx'] });
}

async function startEmbedded(): Promise<Server> {
  const directory = await mkdtemp(join(tmpdir(), 'quarry-log-bench-'));
  const settings = { 'log.port': '0', 'log.level': 'error' };
  const rest = { namenodeAddress: '', driverAddress: '', node: '', unixSocket: '' };
  const child = forked('services/log/main.ts', [
    JSON.stringify({ name: 'log', directory, settings, ...rest }),
  ]);
  const [message] = (await once(child, 'message')) as [RoleMessage];
  if (message.kind === 'failed') throw new Error(message.error.message);
  return {
    name: 'embedded',
    url: message.addresses['log']!,
    pid: child.pid!,
    async stop() {
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      await gone;
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function startKafka(): Promise<Server> {
  const child = forked('test/services/run-kafka-broker.ts', []);
  const [{ url, pid }] = (await once(child, 'message')) as [{ url: string; pid: number }];
  return {
    name: 'kafka',
    url,
    pid,
    async stop() {
      const gone = once(child, 'exit');
      child.disconnect();
      await gone;
    },
  };
}

/** CPU seconds that a process has used, from /proc. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS;
}

function ownCpu(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

class Figures {
  readonly #values = new Map<string, { unit: string; values: number[] }>();

  add(metric: string, amount: number, unit: string): void {
    const known = this.#values.get(metric) ?? { unit, values: [] };
    known.values.push(amount);
    this.#values.set(metric, known);
  }

  clear(): void {
    this.#values.clear();
  }

  print(): void {
    for (const [metric, { unit, values }] of this.#values) report(metric, values, unit);
  }
}

const figures = new Figures();

async function measured(name: string, pid: number, events: number, run: () => Promise<void>): Promise<void> {
  const [own, theirs, startedMs] = [ownCpu(), cpuOf(pid), performance.now()];
  await run();
  figures.add(`${name}.rate`, events / ((performance.now() - startedMs) / 1_000), 'events/s');
  figures.add(`${name}.cpu.client`, ((ownCpu() - own) / events) * 1e6, 'CPU-s/1M');
  figures.add(`${name}.cpu.server`, ((cpuOf(pid) - theirs) / events) * 1e6, 'CPU-s/1M');
}

async function produce(log: Log, topic: string): Promise<void> {
  for (let sent = 0; sent < EVENTS; sent += APPEND_RECORDS) {
    const count = Math.min(APPEND_RECORDS, EVENTS - sent);
    const timestampMs = Date.now();
    const records = Array.from({ length: count }, (_, index) => {
      return { topic, key: Buffer.from(`k${(sent + index) % 10_000}`), value, timestampMs };
    });
    await log.sink.append(records);
  }
}

async function consume(log: Log, topic: string): Promise<void> {
  let events = 0;
  const ranges = await log.source.latest(topic);
  await Promise.all(
    ranges.map(async ({ partition, offset: until }) => {
      for await (const batch of log.source.read({ topic, partition, from: 0, until }))
        events += batch.values.length;
    }),
  );
  if (events !== EVENTS) throw new Error(`${events} events read, ${EVENTS} were produced`);
}

async function round(server: Server, number: number): Promise<void> {
  const log = await openLog(server.url);
  const topic = `bench-${number}`;
  try {
    await log.sink.createTopic(topic, { partitions: 3 });
    await measured(`log.${server.name}.produce`, server.pid, EVENTS, () => produce(log, topic));
    await measured(`log.${server.name}.read`, server.pid, EVENTS, () => consume(log, topic));
    const single = { topic, key: Buffer.from('k'), value, timestampMs: Date.now() };
    const producer = await log.sink.transactional('bench');
    for (let index = 0; index < 50; index++) {
      const startedMs = performance.now();
      await log.sink.append([single]);
      const appendedMs = performance.now();
      await producer.commit([single]);
      figures.add(`log.${server.name}.append-one`, appendedMs - startedMs, 'ms');
      figures.add(`log.${server.name}.commit-one`, performance.now() - appendedMs, 'ms');
    }
    await producer.close();
  } finally {
    await log.close();
  }
}

const servers = [await startEmbedded(), await startKafka()];
try {
  // The first round warms both up and is not counted.
  for (const server of servers) await round(server, 0);
  figures.clear();
  for (let number = 1; number <= ROUNDS; number++) for (const server of servers) await round(server, number);
} finally {
  for (const server of servers) await server.stop();
}
figures.print();
