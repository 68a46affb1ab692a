import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../common/package-root.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { Command } from '../command.ts';

const BENCHES: Readonly<Record<string, string>> = {
  fs: 'write and read MiB/s of one client with 3 replicas (--cluster DIR)',
  'namenode-ops': 'create, mkdirs, stat, rename and delete op/s (--cluster DIR --threads 64 --count 100000)',
  'daily-sales': "the year's ranking beside DuckDB alone",
  'start-up': 'time until a cluster serves, and what it holds when idle',
  'block-store': "one datanode's store without a network",
  transfer: 'the data plane without disks',
};

export const benchCommand: Command = {
  name: 'bench',
  summary: 'measurements',
  usage: `quarry bench NAME [ARGUMENTS]\n${Object.entries(BENCHES)
    .map(([name, what]) => `  ${name.padEnd(14)}${what}`)
    .join('\n')}\n  beside real HDFS, in the repository: bash bench/beside-hdfs.sh`,
  async run([name, ...args]) {
    if (name === undefined || !Object.hasOwn(BENCHES, name)) {
      throw new QuarryError('INVALID_ARGUMENT', `quarry bench takes ${Object.keys(BENCHES).join(', ')}`);
    }
    const script = join(packageRoot, 'bench', `${name}.ts`);
    if (!existsSync(script)) throw new QuarryError('FILE_NOT_FOUND', `this installation has no ${script}`);
    const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), script, ...args], {
      stdio: 'inherit',
    });
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => resolve(code ?? 1));
    });
  },
};
