import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isAlive, isSupervisor, processesOf, runningCluster } from '../../cluster/cluster-files.ts';
import { readClusterFile } from '../../common/cluster-file.ts';
import { eventually } from './eventually.ts';
import { quarry } from './quarry.ts';

describe('a supervised cluster', () => {
  const directory = mkdtempSync(join(tmpdir(), 'quarry-supervised-'));
  const cluster = { QUARRY_CLUSTER: directory };
  const pids = () => new Map(processesOf(readClusterFile(directory)).map(({ name, pid }) => [name, pid]));

  beforeAll(async () => {
    const started = await quarry([
      'cluster',
      'start',
      '--supervise',
      '--detach',
      '--ports',
      'auto',
      '--dir',
      directory,
    ]);
    expect(started).toMatchObject({ code: 0 });
  });
  afterAll(async () => {
    if (runningCluster(directory) !== undefined) await quarry(['cluster', 'stop', '--dir', directory]);
    rmSync(directory, { recursive: true });
  });

  it('starts every killed process again, on its data', async () => {
    writeFileSync(join(directory, 'a.txt'), 'kept');
    expect(await quarry(['fs', 'put', join(directory, 'a.txt'), '/a.txt'], cluster)).toMatchObject({
      code: 0,
    });
    const before = pids();
    for (const pid of before.values()) process.kill(pid, 'SIGKILL');
    await eventually(
      async () => [...pids()].filter(([name, pid]) => pid !== before.get(name) && isAlive(pid)).length,
      (back) => back === before.size,
      30_000,
    );
    const read = () => quarry(['fs', 'cat', '/a.txt'], cluster);
    await eventually(read, ({ stdout }) => stdout === 'kept', 30_000);
  });

  it('restart waits for the supervisor to do it', async () => {
    const before = pids();
    expect(await quarry(['cluster', 'restart', 'dn2', '--dir', directory])).toMatchObject({ code: 0 });
    const after = pids();
    expect(['dn2', 'ex2'].every((name) => after.get(name) !== before.get(name))).toBe(true);
    expect(after.get('dn1')).toBe(before.get('dn1'));
  });

  it('runs an application again until it succeeds', async () => {
    const job = join(directory, 'job.ts');
    const runs = join(directory, 'runs.txt');
    writeFileSync(
      job,
      `import { appendFileSync, readFileSync } from 'node:fs';
       const [file] = process.argv.slice(2);
       appendFileSync(file!, 'run\\n');
       if (readFileSync(file!, 'utf8').length < 12) process.exit(3);`,
    );
    const submitted = await quarry(['submit', '--supervise', job, runs], cluster);
    const id = submitted.stdout.trim();
    const status = () => quarry(['submit', '--status', id], cluster);
    expect((await quarry(['submit', '--list'], cluster)).stdout).toContain(`${id} `);
    await eventually(status, ({ stdout }) => stdout.includes('finished'), 60_000);
    expect(readFileSync(runs, 'utf8')).toBe('run\nrun\nrun\n');
    expect((await status()).stdout).toContain('attempt 3');
  });

  it('starts an application again when its supervisor and it are killed, and ends it when asked to', async () => {
    const job = join(directory, 'forever.ts');
    const runs = join(directory, 'forever.txt');
    writeFileSync(
      job,
      `import { appendFileSync } from 'node:fs';
       appendFileSync(process.argv[2]!, process.pid + '\\n');
       setInterval(() => undefined, 1000);`,
    );
    const id = (await quarry(['submit', '--supervise', job, runs], cluster)).stdout.trim();
    const runPids = () => {
      try {
        return readFileSync(runs, 'utf8').trim().split('\n').map(Number);
      } catch {
        return [];
      }
    };
    await eventually(
      async () => runPids().length,
      (count) => count === 1,
      30_000,
    );
    process.kill(pids().get('applications')!, 'SIGKILL');
    await eventually(
      async () => runPids().length,
      (count) => count === 2,
      30_000,
    );
    expect(isRunning(runPids()[0]!)).toBe(false);
    expect(await quarry(['submit', '--kill', id], cluster)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('stopped') as string,
    });
    expect(isRunning(runPids()[1]!)).toBe(false);
  });

  it('says what is missing where nobody supervises, and stops without a trace', async () => {
    const all = [...pids().values()];
    const supervisor = readClusterFile(directory).supervisor!.pid;
    expect(await quarry(['cluster', 'stop', '--dir', directory])).toMatchObject({ code: 0 });
    expect(all.filter(isAlive)).toEqual([]);
    expect(isSupervisor(supervisor)).toBe(false);
    expect(runningCluster(directory)).toBeUndefined();
  });
});

/** A zombie that nobody has waited for does not run. */
function isRunning(pid: number): boolean {
  return existsSync(`/proc/${pid}/cmdline`) && readFileSync(`/proc/${pid}/cmdline`, 'utf8') !== '';
}
