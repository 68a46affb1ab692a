import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { processesOf } from '../../../cluster/cluster-files.ts';
import { packageRoot } from '../../../common/package-root.ts';
import { readClusterFile } from '../../../common/cluster-file.ts';
import { eventually } from '../../cluster/eventually.ts';

const LIMIT_MS = 120_000;
const ALL = 14;

interface Launched {
  readonly child: ChildProcess;
  readonly ended: Promise<number | NodeJS.Signals | null>;
  stdout(): string;
  stderr(): string;
}

describe('the launcher of the pipeline', () => {
  let directory: string;
  let launched: Launched;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'quarry-launcher-test-'));
    launched = launch(directory);
  });
  afterEach(() => {
    for (const pid of [...childrenOf(launched), ...processesOfDirectory(directory)]) end(pid);
    rmSync(directory, { recursive: true, force: true });
  });

  it(
    'takes everything with it when it is killed, and says what is in its directory',
    async () => {
      await eventually(
        async () => namesIn(directory).length,
        (count) => count >= ALL,
        60_000,
      );
      // The job of the stream too, which is a process of the applications service.
      const job = () =>
        processesOfDirectory(directory).filter((pid) => /clicks-per-minute/.test(command(pid)));
      await eventually(
        async () => job().length,
        (count) => count > 0,
        30_000,
      );
      launched.child.kill('SIGKILL');
      await eventually(
        async () => processesOfDirectory(directory).map(command),
        (left) => left.length === 0,
        20_000,
      );

      const again = launch(directory);
      expect(await again.ended).toBe(1);
      expect(again.stderr()).toMatch(/^FILE_EXISTS: .* holds an earlier pipeline: .* name an empty --dir\n$/);
      expect(again.stdout()).toBe('');
    },
    LIMIT_MS,
  );

  it(
    'starts again what is killed while it starts, and leaves nothing when it is asked to end then',
    async () => {
      for (const role of ['namenode', 'services/applications', 'services/log']) {
        const pid = await eventually(
          async () =>
            childrenOf(launched).find((each) => command(each).includes(`dist/${role}/main.js`)) ?? 0,
          (found) => found > 0,
          30_000,
        );
        process.kill(pid, 'SIGKILL');
      }
      await eventually(
        async () => namesIn(directory),
        (names) => names.includes('log') && names.includes('views'),
        60_000,
      );
      launched.child.kill('SIGTERM');
      launched.child.kill('SIGTERM');
      expect(await launched.ended).toBe(130);
      await eventually(
        async () => processesOfDirectory(directory).map(command),
        (left) => left.length === 0,
        1_000,
      );
      expect(existsSync(join(directory, 'cluster.json'))).toBe(false);
      expect(launched.stdout()).toBe('');
      expect(launched.stderr()).toContain('INTERRUPTED');
    },
    LIMIT_MS,
  );
});

function launch(directory: string): Launched {
  const main = join(packageRoot, 'dist/pipeline/main.js');
  const args = ['--once', '--json', '--clicks', '500000', '--dir', directory];
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = new Promise<number | NodeJS.Signals | null>((resolve) =>
    child.once('exit', (code, signal) => resolve(code ?? signal)),
  );
  return { child, ended, stdout: () => stdout, stderr: () => stderr };
}

function namesIn(directory: string): string[] {
  return existsSync(join(directory, 'cluster.json'))
    ? processesOf(readClusterFile(directory)).map(({ name }) => name)
    : [];
}

function childrenOf({ child }: Launched): number[] {
  return allPids().filter((pid) => Number(stat(pid)[1]) === child.pid);
}

/** What names the directory in its command, its environment or its open logs. */
function processesOfDirectory(directory: string): number[] {
  return allPids().filter((pid) => {
    if (pid === process.pid) return false;
    const log = readLink(`/proc/${pid}/fd/1`);
    return [command(pid), read(pid, 'environ'), log].some((text) => text.includes(directory));
  });
}

function allPids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function command(pid: number): string {
  return read(pid, 'cmdline').replaceAll('\0', ' ');
}

/** State, parent and what follows: the fields behind the name. */
function stat(pid: number): string[] {
  const text = read(pid, 'stat');
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

/** Empty for one that has ended. */
function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return '';
  }
}

function readLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ESRCH') throw thrown;
  }
}
