// One client writing and reading one file with 3 replicas, fsync on: npx tsx bench/fs.ts --cluster DIR [--mode write|read|both] [--size 512] [--runs 5]
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { FileSystem } from '../client/fs/file-system.ts';
import { clusterDirectory, readClusterFile } from '../common/cluster-file.ts';
import { resolveConfig } from '../common/config.ts';
import { silentLog } from '../common/log.ts';
import { systemSeams } from '../common/seams/system.ts';
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
const fs = await FileSystem.connect({
  namenodeAddress: readClusterFile(directory).namenode.grpc,
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

async function rates(work: () => Promise<void>): Promise<number[]> {
  await work();
  const found: number[] = [];
  for (let run = 0; run < runs; run++) found.push((mebibytes * 1000) / (await timedMs(work)));
  return found;
}

if (values.mode !== 'read') report('write_3_replicas', await rates(write), 'MiB/s');
if (values.mode !== 'write') {
  const there = (await fs.exists(PATH)) && (await fs.stat(PATH)).lengthBytes === mebibytes * 1024 * 1024;
  if (!there) await write();
  report('read', await rates(read), 'MiB/s');
}
await fs.close();
