// How long until a cluster of 1 namenode, 3 nodes and a driver serves, and what it holds when idle: npx tsx bench/start-up.ts [--runs 5]
// Counted from the command `quarry cluster start` to the end of a 3-replica write and of a query after it.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { FileSystem } from '../client/fs/file-system.ts';
import { QuarrySession } from '../client/session.ts';
import { processesOf } from '../cluster/cluster-files.ts';
import { readClusterFile } from '../common/cluster-file.ts';
import { resolveConfig } from '../common/config.ts';
import { silentLog } from '../common/log.ts';
import { packageRoot } from '../common/package-root.ts';
import { systemSeams } from '../common/seams/system.ts';
import { report } from './report.ts';

const { values } = parseArgs({ options: { runs: { type: 'string', default: '5' } } });
const KIB_PER_MIB = 1024;

function quarry(...args: string[]): void {
  const { status, stderr } = spawnSync(process.execPath, [join(packageRoot, 'bin/quarry'), ...args], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`quarry ${args.join(' ')}: ${stderr}`);
}

/** Memory nobody else can have, and all that is mapped, in MiB. */
function memory(pid: number): { ownMib: number; residentMib: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kib = (key: string) => Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
  return {
    ownMib: (kib('RssAnon') + kib('RssShmem')) / KIB_PER_MIB,
    residentMib: kib('VmRSS') / KIB_PER_MIB,
  };
}

const command: number[] = [];
const serving: number[] = [];
const own = new Map<string, number[]>();
const resident = new Map<string, number[]>();
for (let run = 0; run < Number(values.runs); run++) {
  const directory = mkdtempSync(join(tmpdir(), 'quarry-bench-'));
  try {
    const startedMs = performance.now();
    quarry('cluster', 'start', '--dir', directory, '--ports', 'auto', '--detach');
    command.push(performance.now() - startedMs);
    const file = readClusterFile(directory);
    const fs = await FileSystem.connect({
      namenodeAddress: file.namenode.grpc,
      config: resolveConfig(),
      seams: systemSeams(directory, silentLog()),
    });
    const { durableReplicas } = await fs.writeFile('/first', Buffer.from('light'), { minDurable: 3 });
    if (durableReplicas !== 3) throw new Error(`only ${durableReplicas} durable replicas`);
    const session = await QuarrySession.connect({ cluster: directory });
    const rows = await session.range(10).count();
    if (Number(rows) !== 10) throw new Error(`${rows} rows`);
    serving.push(performance.now() - startedMs);
    await session.stop();
    await fs.close();
    // Idle: after the first garbage collections, before anything grows.
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    for (const { role, pid } of processesOf(file)) {
      const { ownMib, residentMib } = memory(pid);
      own.set(role, [...(own.get(role) ?? []), ownMib]);
      resident.set(role, [...(resident.get(role) ?? []), residentMib]);
    }
  } finally {
    quarry('cluster', 'stop', '--dir', directory);
    rmSync(directory, { recursive: true, force: true });
  }
}
report('start_command', command, 'ms');
report('start_to_write_and_query', serving, 'ms');
for (const [role, mib] of own) report(`idle_${role}_anon_shmem`, mib, 'MiB');
for (const [role, mib] of resident) report(`idle_${role}_vmrss`, mib, 'MiB');
