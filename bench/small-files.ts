// What the daemons hold while many small files come and go, as a streaming job and a landing leave them: npx tsx bench/small-files.ts --cluster DIR
// [--seconds 600] [--rate 20] [--keep 2000]. Files of 5 to 50 KB with 3 replicas, the oldest deleted beyond `keep`; a table written and asked about each second.
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { FileSystem } from '../client/fs/file-system.ts';
import { QuarrySession } from '../client/session.ts';
import { processesOf } from '../cluster/cluster-files.ts';
import { clusterDirectory, readClusterFile } from '../common/cluster-file.ts';
import { resolveConfig } from '../common/config.ts';
import { silentLog } from '../common/log.ts';
import { systemSeams } from '../common/seams/system.ts';
import { useOf } from './process-meter.ts';

const { values } = parseArgs({
  options: {
    cluster: { type: 'string' },
    seconds: { type: 'string', default: '600' },
    rate: { type: 'string', default: '20' },
    keep: { type: 'string', default: '2000' },
  },
});
const SAMPLE_MS = 10_000;
const seconds = Number(values.seconds);
const keep = Number(values.keep);

const directory = clusterDirectory(values.cluster);
const cluster = readClusterFile(directory);
const fs = await FileSystem.connect({
  namenodeAddress: cluster.namenode.grpc,
  config: resolveConfig(),
  seams: systemSeams(directory, silentLog()),
});
const session = await QuarrySession.connect({ cluster: directory });
const noise = randomBytes(64 * 1024);
const stop = new AbortController();
let written = 0;
let queries = 0;

async function writeFiles(): Promise<void> {
  const paths: string[] = [];
  const startedMs = performance.now();
  for (; !stop.signal.aborted; written++) {
    const path = `/small/${written % 16}/${written}`;
    const lengthBytes = 5_000 + Math.floor(Math.random() * 45_000);
    // Under a temporary name first, as checkpoints and landed files are.
    await fs.writeFile(`${path}.tmp`, noise.subarray(0, lengthBytes));
    await fs.rename(`${path}.tmp`, path);
    paths.push(path);
    if (paths.length > keep) await fs.delete(paths.shift()!);
    const dueMs = startedMs + ((written + 1) * 1000) / Number(values.rate);
    await sleep(Math.max(0, dueMs - performance.now()));
  }
}

async function query(): Promise<void> {
  for (; !stop.signal.aborted; queries++) {
    await session.range(20_000).write.mode('overwrite').parquet('/small/table');
    await session.sql('SELECT id % 7 AS k, count(*) AS n FROM parquet.`/small/table` GROUP BY 1').collect();
    await sleep(1_000);
  }
}

function sample(atMs: number): void {
  const byRole = new Map<string, string[]>();
  for (const { role, pid } of processesOf(cluster)) {
    const mebibytes = useOf(pid)?.anonymousMiB.toFixed(0) ?? 'gone';
    byRole.set(role, [...(byRole.get(role) ?? []), mebibytes]);
  }
  const shown = [...byRole].map(([role, mebibytes]) => `${role}=${mebibytes.join(',')}`);
  console.log(`${Math.round(atMs / 1000)} s files=${written} queries=${queries} ${shown.join(' ')}`);
}

const work = Promise.all([writeFiles(), query()]);
const startedMs = performance.now();
for (let tick = 0; tick * SAMPLE_MS <= seconds * 1000; tick++) {
  const dueMs = startedMs + tick * SAMPLE_MS;
  await Promise.race([work, sleep(Math.max(0, dueMs - performance.now()))]);
  sample(performance.now() - startedMs);
}
stop.abort();
await work;
await session.stop();
await fs.close();
