// A windowed count (one minute, by product, watermark of ten minutes) of JSON events of about 180 B that are in a topic of a real
// Kafka already: availableNow, on a cluster of three nodes. Beside it, where SPARK_PYTHON names a Python with pyspark and
// SPARK_JARS the Kafka source's jars, Spark Structured Streaming over the same topic (local[2], two shuffle partitions).
//   node --import tsx bench/streaming.ts [events] [rounds]    (needs: npm run build, bash scripts/foreign-kafka.sh)
import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { col, QuarrySession, window } from '../client/index.ts';
import { stopCluster } from '../cluster/control.ts';
import { launchCluster } from '../cluster/launch.ts';
import { readClusterFile } from '../common/cluster-file.ts';
import { packageRoot } from '../common/package-root.ts';
import type { Log, RecordInput } from '../log/log.ts';
import { openLog } from '../log/open-log.ts';
import { report } from './report.ts';

const EVENTS = Number(process.argv[2] ?? 5_000_000);
const ROUNDS = Number(process.argv[3] ?? 3);
const PARTITIONS = 3;
const PRODUCTS = 1_000;
const APPEND_RECORDS = 5_000;
const APPENDS_AT_ONCE = 4;
const CLOCK_TICKS = 100;
const FIRST_SECOND = 1_763_719_200;

interface Kafka {
  readonly url: string;
  readonly pid: number;
  readonly child: ChildProcess;
}

async function startKafka(): Promise<Kafka> {
  const child = fork(join(packageRoot, 'test/services/run-kafka-broker.ts'), [], {
    execArgv: ['--import', 'tsx'],
  });
  const [{ url, pid }] = (await once(child, 'message')) as [{ url: string; pid: number }];
  return { url, pid, child };
}

async function produce(log: Log): Promise<void> {
  await log.sink.createTopic('clicks', { partitions: PARTITIONS });
  const pending: Promise<void>[] = [];
  for (let from = 0; from < EVENTS; from += APPEND_RECORDS) {
    const count = Math.min(APPEND_RECORDS, EVENTS - from);
    pending.push(log.sink.append(Array.from({ length: count }, (_, index) => click(from + index))));
    if (pending.length >= APPENDS_AT_ONCE) await pending.shift();
  }
  await Promise.all(pending);
}

/** A thousand a second, out of order by up to six seconds. */
function click(index: number): RecordInput {
  const seconds = FIRST_SECOND + index / 1_000 - (index % 7);
  const product = String((index * 7_919) % PRODUCTS);
  const value = `{"time_iso8601":"2026-11-21T10:01:02+00:00","msec":${seconds.toFixed(3)},"request_id":"0123456789abcdef0123456789abcdef","product":"${product}","user":"u${index % 5_000}","status":200,"body_bytes_sent":43}`;
  return {
    topic: 'clicks',
    key: Buffer.from(product),
    value: Buffer.from(value),
    timestampMs: Math.round(seconds * 1_000),
  };
}

/** CPU seconds that a process has used, from /proc. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS;
}

async function quarryRound(session: QuarrySession, url: string, round: number): Promise<number> {
  const clicks = session.readStream
    .format('kafka')
    .options({
      'kafka.bootstrap.servers': url.replace('kafka://', ''),
      subscribe: 'clicks',
      startingOffsets: 'earliest',
    })
    .load()
    .selectExpr(`from_json(CAST(value AS STRING), 'msec DOUBLE, product STRING') AS j`)
    .selectExpr('j.product AS product', 'timestamp_seconds(j.msec) AS t')
    .withWatermark('t', '10 minutes');
  const startedMs = performance.now();
  const query = await clicks
    .groupBy(window(col('t'), '1 minute'), col('product'))
    .count()
    .writeStream.format('noop')
    .outputMode('update')
    .option('checkpointLocation', `/checkpoints/bench-${round}`)
    .trigger({ availableNow: true })
    .start();
  await query.awaitTermination();
  const seconds = (performance.now() - startedMs) / 1_000;
  const rows = (await query.recentProgress()).reduce((sum, { numInputRows }) => sum + numInputRows, 0);
  if (rows !== EVENTS) throw new Error(`${rows} of ${EVENTS} events were counted`);
  return seconds;
}

async function quarry(kafka: Kafka): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'quarry-streaming-bench-'));
  await launchCluster({ directory, nodes: 3, ports: 'auto', settings: {} });
  try {
    await using session = await QuarrySession.connect({ cluster: directory });
    const { namenode, datanodes, executors, driver } = readClusterFile(directory);
    const pids = [namenode, ...datanodes, ...executors, driver].map(({ pid }) => pid);
    const cpu = () => [...pids, kafka.pid].reduce((sum, pid) => sum + cpuOf(pid), 0);
    const rates: number[] = [];
    const costs: number[] = [];
    for (let round = 0; round <= ROUNDS; round++) {
      const before = cpu();
      const seconds = await quarryRound(session, kafka.url, round);
      const cost = ((cpu() - before) * 1e6) / EVENTS;
      if (round === 0) report('quarry windowed count, cold', [EVENTS / seconds], 'events/s');
      else {
        rates.push(EVENTS / seconds);
        costs.push(cost);
      }
    }
    report('quarry windowed count, warm', rates, 'events/s');
    report('quarry windowed count, warm, with the broker', costs, 'CPU-s per million events');
  } finally {
    await stopCluster(directory);
    await rm(directory, { recursive: true, force: true });
  }
}

/** One Python process runs all rounds, so that all but the first are warm. */
function spark(url: string): void {
  const { SPARK_PYTHON: python, SPARK_JARS: jars } = process.env;
  if (python === undefined || jars === undefined) {
    console.log('spark: not run (set SPARK_PYTHON and SPARK_JARS)');
    return;
  }
  const script = join(packageRoot, 'bench/streaming_spark.py');
  const args = [script, url.replace('kafka://', ''), String(EVENTS), String(ROUNDS + 1), jars];
  const { stdout, stderr, status } = spawnSync(python, args, { encoding: 'utf8', maxBuffer: 64 * 2 ** 20 });
  if (status !== 0) throw new Error(`spark: ${stderr.slice(-2_000)}`);
  const rounds = stdout
    .split('\n')
    .filter((line) => line.startsWith('round '))
    .map((line) => EVENTS / Number(line.split(' ')[1]));
  report('spark windowed count, cold', rounds.slice(0, 1), 'events/s');
  report('spark windowed count, warm', rounds.slice(1), 'events/s');
}

const kafka = await startKafka();
const log = await openLog(kafka.url);
try {
  await produce(log);
  await log.close();
  await quarry(kafka);
  spark(kafka.url);
} finally {
  const gone = once(kafka.child, 'exit');
  kafka.child.disconnect();
  await gone;
}
