// One client writing and reading one file with 3 replicas, fsync on: npx tsx bench/fs.ts --cluster DIR [--mode write|read|both] [--size 512] [--runs 5]
// After each rate: what it cost in processor time, by /proc, which a busy machine changes far less than the rate.
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { FileSystem } from '../client/fs/file-system.ts';
import { clusterDirectory, readClusterFile } from '../common/cluster-file.ts';
import { resolveConfig } from '../common/config.ts';
import { silentLog } from '../common/log.ts';
import { systemSeams } from '../common/seams/system.ts';
import { useOf } from './process-meter.ts';
import { report, timedMs } from './report.ts';

const { values } = parseArgs({
  options: {
    cluster: { type: 'string' },
    mode: { type: 'string', default: 'both' },
    size: { type: 'string', default: '512' },
    runs: { type: 'string', default: '5' },
  },
});
const mebibytes = Number(values.size);
const runs = Number(values.runs);
const PATH = '/bench/fs';

const directory = clusterDirectory(values.cluster);
const cluster = readClusterFile(directory);
const processes: Readonly<Record<string, readonly number[]>> = {
  client: [process.pid],
  datanodes: cluster.datanodes.map(({ pid }) => pid),
  namenode: [cluster.namenode.pid],
};
const fs = await FileSystem.connect({
  namenodeAddress: cluster.namenode.grpc,
  config: resolveConfig(),
  seams: systemSeams(directory, silentLog()),
});
// Noise does not compress and no two neighbours are alike.
const pieces = Array.from({ length: 8 }, () => randomBytes(1024 * 1024));

async function write(): Promise<void> {
  const writer = await fs.create(PATH, { overwrite: true, replication: 3 });
  for (let i = 0; i < mebibytes; i++) await writer.write(pieces[i % pieces.length]!);
  await writer.close();
}

async function read(): Promise<void> {
  let bytes = 0;
  for await (const data of await fs.open(PATH, { reuseBuffers: true })) bytes += data.length;
  if (bytes !== mebibytes * 1024 * 1024) throw new Error(`read ${bytes} bytes of ${mebibytes} MiB`);
}

function cpuSeconds(): Record<string, number> {
  const sum = (pids: readonly number[]) =>
    pids.reduce((total, pid) => total + (useOf(pid)?.cpuSeconds ?? 0), 0);
  return Object.fromEntries(Object.entries(processes).map(([role, pids]) => [role, sum(pids)]));
}

async function measure(metric: string, work: () => Promise<void>): Promise<void> {
  await work();
  const rates: number[] = [];
  const costs: Record<string, number>[] = [];
  for (let run = 0; run < runs; run++) {
    const before = cpuSeconds();
    rates.push((mebibytes * 1000) / (await timedMs(work)));
    const after = cpuSeconds();
    const perGib = (role: string) => ((after[role]! - before[role]!) * 1024) / mebibytes;
    costs.push(Object.fromEntries(Object.keys(processes).map((role) => [role, perGib(role)])));
  }
  report(metric, rates, 'MiB/s');
  for (const role of Object.keys(processes)) {
    report(
      `${metric}_cpu_${role}`,
      costs.map((cost) => cost[role]!),
      's/GiB',
    );
  }
}

if (values.mode !== 'read') await measure('write_3_replicas', write);
if (values.mode !== 'write') {
  const there = (await fs.exists(PATH)) && (await fs.stat(PATH)).lengthBytes === mebibytes * 1024 * 1024;
  if (!there) await write();
  await measure('read', read);
}
await fs.close();
