// From a click's event time to the moment a reader of the view sees it counted (and to the agent's commit): the whole pipeline of `npm run pipeline` (agent,
// log, stream with a trigger of 1 s, view; landing, workflow and web run beside it), at a steady rate of clicks.
//   node --import tsx bench/pipeline-latency.ts [--rate 5000] [--seconds 300] [--warm 20] [--real] [--set KEY=VALUE] [--json FILE]
// --real: a real Kafka and a real Redis are started and used (needs: bash scripts/foreign-kafka.sh; redis-server).
// Memory and processor time of every process come with it. Needs: npm run build.
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type ClusterFile, readClusterFile } from '../common/cluster-file.ts';
import { packageRoot } from '../common/package-root.ts';
import { AccessLog } from '../services/clicks/access-log.ts';
import { clicks } from '../services/clicks/click-generator.ts';
import { openView } from '../sinks/open-view.ts';
import { ClickTimeline, countsSince } from './click-timeline.ts';
import { commandOf, treeOf, useOf } from './process-meter.ts';

const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '5000' },
    seconds: { type: 'string', default: '300' },
    warm: { type: 'string', default: '20' },
    poll: { type: 'string', default: '50' },
    real: { type: 'boolean', default: false },
    json: { type: 'string' },
    set: { type: 'string', multiple: true, default: [] },
  },
});
const RATE = Number(values.rate);
const SECONDS = Number(values.seconds);
const WARM_MS = Number(values.warm) * 1_000;
const POLL_MS = Number(values.poll);
const VIEW = 'clicks';
const WRITE_MS = 10;
const SAMPLE_MS = 10_000;
const DRAIN_MS = 60_000;
/** A web server's log is rotated within the run. */
const ROTATION = { rotation: 'rename', rotateLines: 250_000 } as const;

interface Foreign {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

async function startKafka(): Promise<Foreign> {
  const child = fork(join(packageRoot, 'test/services/run-kafka-broker.ts'), {
    execArgv: ['--import', 'tsx'],
  });
  const [{ url, pid }] = (await once(child, 'message')) as [{ url: string; pid: number }];
  return {
    url,
    pid,
    async stop() {
      const gone = once(child, 'exit');
      child.disconnect();
      await gone;
    },
  };
}

async function startRedis(directory: string): Promise<Foreign> {
  const port = await freePort();
  // As most installations have it: an append-only file that is synced once a second.
  const settings = `--port ${port} --bind 127.0.0.1 --dir ${directory} --appendonly yes --appendfsync everysec --save`;
  const child = spawn('redis-server', [...settings.split(' '), ''], { stdio: 'ignore' });
  await once(child, 'spawn');
  while (!(await accepts(port))) await sleep(50);
  return { url: `redis://127.0.0.1:${port}`, pid: child.pid!, stop: () => ended(child, 'SIGTERM') };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  return port;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    const answer = (yes: boolean) => {
      socket.destroy();
      resolve(yes);
    };
    socket.once('connect', () => answer(true));
    socket.once('error', () => answer(false));
  });
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill(signal);
  await gone;
}

/** The pipeline as a user starts it, without clicks of its own but one of yesterday and one of today. */
async function startPipeline(directory: string, foreign: readonly string[]): Promise<ChildProcess> {
  const settings = values.set.flatMap((setting) => ['--set', setting]);
  const words = [
    '--rate',
    '0',
    '--clicks',
    '1',
    '--ports',
    'auto',
    '--dir',
    directory,
    ...foreign,
    ...settings,
  ];
  const child = spawn(process.execPath, [join(packageRoot, 'dist/pipeline/main.js'), ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  let output = '';
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-10_000);
      if (/^dashboard/m.test(output)) resolve();
    });
    child.once('exit', (code) => reject(new Error(`the pipeline ended (${code}):\n${output}`)));
  });
  return child;
}

/** Names of cluster.json, by process id; processes that are not in it by what they run. */
function nameOf(pid: number, names: ReadonlyMap<number, string>): string {
  const known = names.get(pid);
  if (known !== undefined) return known;
  const command = commandOf(pid);
  if (command.includes('pipeline/main.js')) return 'launcher';
  return command.includes('clicks-per-minute') ? 'application' : 'other';
}

function namesOf(file: ClusterFile): Map<number, string> {
  return new Map([
    [file.namenode.pid, 'namenode'],
    [file.driver.pid, 'driver'],
    ...file.datanodes.map(({ id, pid }) => [pid, id] as const),
    ...file.executors.map(({ id, pid }) => [pid, id] as const),
    ...(file.services ?? []).map(({ name, pid }) => [pid, name] as const),
  ]);
}

/** Memory every ten seconds and processor time of the whole span, by process. */
class Usage {
  readonly #samples = new Map<string, number[]>();
  readonly #cpuBefore = new Map<number, number>();
  readonly #cpu = new Map<string, number>();
  readonly #pids: () => Map<number, string>;

  constructor(pids: () => Map<number, string>) {
    this.#pids = pids;
    for (const pid of pids().keys()) this.#cpuBefore.set(pid, useOf(pid)?.cpuSeconds ?? 0);
  }

  sample(): void {
    const now = new Map<string, number>();
    this.#cpu.clear();
    for (const [pid, name] of this.#pids()) {
      const use = useOf(pid);
      if (use === undefined) continue;
      now.set(name, (now.get(name) ?? 0) + use.anonymousMiB);
      const spent = use.cpuSeconds - (this.#cpuBefore.get(pid) ?? 0);
      this.#cpu.set(name, (this.#cpu.get(name) ?? 0) + spent);
    }
    for (const [name, mib] of now) this.#samples.set(name, [...(this.#samples.get(name) ?? []), mib]);
  }

  rows(): { name: string; firstMiB: number; lastMiB: number; maxMiB: number; cpuSeconds: number }[] {
    return [...this.#samples].map(([name, mib]) => {
      const third = Math.max(1, Math.floor(mib.length / 3));
      return {
        name,
        firstMiB: mean(mib.slice(0, third)),
        lastMiB: mean(mib.slice(-third)),
        maxMiB: Math.round(Math.max(...mib)),
        cpuSeconds: Math.round((this.#cpu.get(name) ?? 0) * 10) / 10,
      };
    });
  }
}

function mean(numbers: readonly number[]): number {
  return Math.round(numbers.reduce((sum, each) => sum + each, 0) / numbers.length);
}

interface Quantiles {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

function quantiles(numbers: readonly number[]): Quantiles {
  const sorted = numbers.toSorted((a, b) => a - b);
  const at = (share: number) =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN);
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) };
}

/** What the driver tells of each batch: how long its phases took. */
class Batches {
  readonly #phases = new Map<string, number[]>();
  #lastBatch = -1;
  count = 0;

  async look(address: string): Promise<void> {
    const answer = await fetch(`${address}/api/streams`, { signal: AbortSignal.timeout(5_000) });
    type Query = {
      name: string;
      lastProgress: { batchId: number; durationMs: Record<string, number> } | null;
    };
    const query = ((await answer.json()) as Query[]).find(({ name }) => name === VIEW);
    const progress = query?.lastProgress;
    if (progress === undefined || progress === null || progress.batchId === this.#lastBatch) return;
    this.#lastBatch = progress.batchId;
    this.count++;
    for (const [phase, ms] of Object.entries(progress.durationMs)) {
      this.#phases.set(phase, [...(this.#phases.get(phase) ?? []), ms]);
    }
  }

  rows(): (Quantiles & { phase: string })[] {
    return [...this.#phases].map(([phase, ms]) => ({ phase, ...quantiles(ms) }));
  }
}

async function every(intervalMs: number, signal: AbortSignal, work: () => unknown): Promise<void> {
  while (!signal.aborted) {
    const startedMs = performance.now();
    await work();
    await sleep(Math.max(0, intervalMs - (performance.now() - startedMs)));
  }
}

/** Lines that the agent has committed. */
async function agentLines(address: string): Promise<number> {
  const answer = await fetch(`http://${address}/status`, { signal: AbortSignal.timeout(5_000) });
  return ((await answer.json()) as { lines: number }).lines;
}

interface Measured {
  readonly timeline: ClickTimeline;
  readonly usage: Usage;
  readonly batches: Batches;
}

async function measure(
  directory: string,
  viewUrl: string,
  pids: () => Map<number, string>,
): Promise<Measured> {
  const view = await openView(viewUrl);
  const timeline = new ClickTimeline();
  const batches = new Batches();
  const access = new AccessLog(join(directory, 'clicks', 'access.log'), ROTATION);
  const fromMs = Date.now();
  const untilMs = fromMs + WARM_MS + SECONDS * 1_000;
  const firstMinute = `${new Date(fromMs).toISOString().slice(0, 16)}:00Z`;
  timeline.countFromMs = fromMs + WARM_MS;
  const count = Math.round((RATE * (untilMs - fromMs)) / 1_000);
  const generator = clicks({ seed: 7, fromMs, untilMs, count, disorderMs: 0 });
  const written = new AbortController();
  const over = new AbortController();
  const write = () => {
    const due = Math.min(count, Math.floor(((Date.now() - fromMs) * RATE) / 1_000)) - timeline.written;
    const lines: string[] = [];
    for (let i = 0; i < due; i++) {
      const { line, click } = generator.next().value!;
      timeline.wrote(click!.product, click!.eventTimeMs);
      lines.push(line);
    }
    access.write(lines);
    if (timeline.written === count) written.abort();
  };
  const probe = async () => timeline.shows(await countsSince(view, VIEW, firstMinute), Date.now());
  const { driver, services } = readClusterFile(directory);
  const agent = services?.find(({ name }) => name === 'agent')?.address ?? '';
  const linesBefore = await agentLines(agent);
  const probeAgent = async () => timeline.committed((await agentLines(agent)) - linesBefore, Date.now());
  try {
    const probing = every(POLL_MS, over.signal, () => Promise.all([probe(), probeAgent()]));
    const watching = every(250, over.signal, () => batches.look(driver.http!));
    const writing = every(WRITE_MS, written.signal, write);
    await Promise.race([sleep(WARM_MS), probing, watching, writing]);
    const usage = new Usage(pids);
    const sampling = every(SAMPLE_MS, written.signal, () => usage.sample());
    await Promise.race([writing, probing, watching]);
    await sampling;
    const drainedBy = Date.now() + DRAIN_MS;
    while (timeline.seen < count && Date.now() < drainedBy) await Promise.race([sleep(POLL_MS), probing]);
    over.abort();
    await Promise.all([probing, watching]);
    return { timeline, usage, batches };
  } finally {
    written.abort();
    over.abort();
    await view.close();
  }
}

function print({ timeline, usage, batches }: Measured): void {
  const latencyMs = { toLog: quantiles(timeline.toLogMs), toView: quantiles(timeline.delaysMs) };
  const result = {
    kind: values.real ? 'kafka and redis' : 'embedded',
    rate: RATE,
    seconds: SECONDS,
    clicks: timeline.delaysMs.length,
    unseen: timeline.written - timeline.seen,
    latencyMs,
    batches: batches.count,
    phasesMs: batches.rows(),
    processes: usage.rows(),
  };
  console.log(
    `${result.kind}: ${RATE} clicks/s for ${SECONDS} s, ${result.clicks} measured, ${result.unseen} never seen`,
  );
  console.table(latencyMs);
  console.table(result.phasesMs);
  console.table(result.processes);
  console.log(JSON.stringify(result));
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(result)}\n`);
}

const directory = await mkdtemp(join(tmpdir(), 'quarry-latency-'));
const foreign = values.real ? { kafka: await startKafka(), redis: await startRedis(directory) } : undefined;
const urls = foreign === undefined ? [] : ['--kafka', foreign.kafka.url, '--redis', foreign.redis.url];
let pipeline: ChildProcess | undefined;
try {
  pipeline = await startPipeline(join(directory, 'pipeline'), urls);
  const launcher = pipeline.pid!;
  const file = readClusterFile(join(directory, 'pipeline'));
  const views = file.services?.find(({ name }) => name === 'views')?.address;
  const pids = () => {
    const names = namesOf(readClusterFile(join(directory, 'pipeline')));
    if (foreign !== undefined) names.set(foreign.kafka.pid, 'kafka').set(foreign.redis.pid, 'redis');
    const all = [...treeOf(launcher), ...names.keys(), process.pid];
    return new Map(all.map((pid) => [pid, pid === process.pid ? 'bench' : nameOf(pid, names)]));
  };
  const viewUrl = foreign?.redis.url ?? `quarry-views://${views}`;
  print(await measure(join(directory, 'pipeline'), viewUrl, pids));
} finally {
  if (pipeline !== undefined) await ended(pipeline, 'SIGINT');
  await foreign?.redis.stop();
  await foreign?.kafka.stop();
  await rm(directory, { recursive: true, force: true });
}
