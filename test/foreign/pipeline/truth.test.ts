import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isAlive, processesOf, runningCluster } from '../../../cluster/cluster-files.ts';
import { packageRoot } from '../../../common/package-root.ts';
import type { OnceReport } from '../../../pipeline/once.ts';
import { type KafkaBroker, startKafkaBroker } from '../../services/kafka-broker.ts';
import { type MariadbServer, ROOT_PASSWORD, startMariadbServer } from '../../services/mariadb-server.ts';
import { type RedisServer, startRedisServer } from '../../services/redis-server.ts';
import { type SmtpSink, startSmtpSink } from '../../services/smtp-sink.ts';

/** The number; a run with fewer proves the same with less time for faults. */
const CLICKS = Number(process.env['QUARRY_TRUTH_CLICKS'] ?? 200_000);
const SEED = Number(process.env['QUARRY_TRUTH_SEED'] ?? 20_261_121);
const LIMIT_MS = 600_000;

describe('the truth under faults', () => {
  let directory: string;
  let kafka: KafkaBroker;
  let redis: RedisServer;
  let mariadb: MariadbServer;
  let smtp: SmtpSink;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'quarry-truth-'));
    [kafka, redis, mariadb, smtp] = await Promise.all([
      startKafkaBroker(),
      startRedisServer(),
      startMariadbServer(),
      startSmtpSink(),
    ]);
  }, 120_000);
  afterAll(async () => {
    for (const { pid } of processesOfDirectory()) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    await Promise.all([kafka?.stop(), redis?.stop(), mariadb?.stop(), smtp?.stop()]);
    await rm(directory, { recursive: true, force: true });
  });

  function processesOfDirectory() {
    const file = runningCluster(directory);
    return file === undefined ? [] : processesOf(file);
  }

  it(
    'windows in Redis, raw Parquet, the ranking in MySQL and the replay of the log equal it, whatever is killed',
    async () => {
      const url = new URL(mariadb.url.replace(/^jdbc:/, ''));
      const { report, ended, output } = runPipeline([
        `--dir=${directory}`,
        `--clicks=${CLICKS}`,
        `--seed=${SEED}`,
        `--kafka=${kafka.url}`,
        `--redis=${redis.url}`,
        `--smtp=${smtp.url}`,
        `--mysql=mysql://root:${ROOT_PASSWORD}@${url.host}${url.pathname}`,
      ]);
      const faults = await injectFaults(ended);
      const counted = await report.catch((thrown: unknown) => {
        throw new Error(`${String(thrown)}\n${output()}\nfaults: ${faults.join(', ')}`);
      });
      console.log(
        `${faults.length} faults: ${faults.join(', ')}; seconds: ${JSON.stringify(counted.seconds)}`,
      );

      const { truth, lateDropped } = counted;
      expect(truth.total + lateDropped).toBe(CLICKS);
      expect(lateDropped).toBeGreaterThan(0);
      for (const layer of ['speed', 'raw', 'batch', 'replay'] as const) {
        expect({ layer, ...counted[layer] }).toEqual({ layer, ...truth });
      }
      expect(smtp.messages.length).toBeGreaterThan(0);
      expect(faults.length).toBeGreaterThanOrEqual(5);
    },
    LIMIT_MS,
  );

  /** Kills and restarts, one after the other, in a fixed order with pauses, until the pipeline ends. */
  async function injectFaults(ended: Promise<unknown>): Promise<string[]> {
    const kill = (name: string) => async () => {
      const found = processesOfDirectory().find((each) => each.name === name);
      if (found !== undefined && isAlive(found.pid)) process.kill(found.pid, 'SIGKILL');
    };
    const faults: [string, () => Promise<void>][] = [
      ['agent', kill('agent')],
      ['redis', () => redis.restart()],
      ['driver', kill('driver')],
      ['kafka', () => kafka.restart()],
      ['dn1', kill('dn1')],
      ['landing', kill('landing')],
      ['redis -9', () => redis.kill().then(() => redis.start())],
      ['ex2', kill('ex2')],
      ['mariadb', () => mariadb.restart()],
      ['driver', kill('driver')],
      ['namenode', kill('namenode')],
      ['kafka -9', () => kafka.kill().then(() => kafka.restart())],
      ['workflow', kill('workflow')],
      ['mariadb -9', () => mariadb.kill().then(() => mariadb.start())],
      ['applications', kill('applications')],
      ['ex1', kill('ex1')],
      ['agent', kill('agent')],
    ];
    const done: string[] = [];
    const isOver = { value: false };
    void ended.finally(() => {
      isOver.value = true;
    });
    while (!isOver.value && processesOfDirectory().length < 12) await sleep(100);
    for (const [name, inject] of faults) {
      await Promise.race([sleep(1_500), ended]);
      if (isOver.value) break;
      await inject();
      done.push(name);
    }
    return done;
  }
});

function runPipeline(args: readonly string[]): {
  report: Promise<OnceReport>;
  ended: Promise<void>;
  output: () => string;
} {
  const child = spawn(
    process.execPath,
    [join(packageRoot, 'dist/pipeline/main.js'), '--once', '--json', '--ports', 'auto', ...args],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const code = new Promise<number | null>((resolve) => child.once('close', resolve));
  const report = code.then((exitCode) => {
    if (exitCode !== 0) throw new Error(`the pipeline ended with exit code ${exitCode}`);
    return JSON.parse(stdout) as OnceReport;
  });
  return { report, ended: code.then(() => undefined), output: () => stderr.slice(-4_000) };
}
