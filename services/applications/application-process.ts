import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../common/package-root.ts';
import type { Application } from '../../client/applications/application-store.ts';

const STOP_MS = 5_000;

/** One run of an application: a process group of its own, remembered in a file so that a killed supervisor can end it. */
export class ApplicationProcess {
  readonly #child: ChildProcess;
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;

  private constructor(child: ChildProcess, pidFile: string) {
    this.#child = child;
    this.ended = new Promise((resolve) =>
      child.once('exit', (code, signal) => {
        rmSync(pidFile, { force: true });
        resolve({ code, signal });
      }),
    );
  }

  /** `directory`: the service's own; `cluster`: the directory of cluster.json. */
  static start(
    application: Application,
    source: Buffer,
    where: { directory: string; cluster: string },
  ): ApplicationProcess {
    const home = join(where.directory, application.id);
    mkdirSync(home, { recursive: true });
    const file = join(home, application.name);
    writeFileSync(file, source);
    const log = openSync(join(home, 'application.log'), 'a');
    const child = spawn(
      process.execPath,
      [join(packageRoot, 'bin/quarry'), 'submit', file, ...application.args],
      {
        cwd: home,
        detached: true,
        // Its channel ends it when we are killed and nobody comes after us.
        stdio: ['ignore', log, log, 'ipc'],
        env: {
          ...process.env,
          ...application.environment,
          QUARRY_CLUSTER: where.cluster,
          QUARRY_APPLICATION_ID: application.id,
        },
      },
    );
    closeSync(log);
    const pidFile = join(home, 'pid.json');
    writeFileSync(pidFile, JSON.stringify({ pid: child.pid, startTime: startTimeOf(child.pid ?? 0) }));
    return new ApplicationProcess(child, pidFile);
  }

  /** Ends what an earlier supervisor has left of this application. */
  static endLeftover(directory: string, id: string): void {
    const pidFile = join(directory, id, 'pid.json');
    if (!existsSync(pidFile)) return;
    const { pid, startTime } = JSON.parse(readFileSync(pidFile, 'utf8')) as {
      pid: number;
      startTime: string;
    };
    // The same number with another start time is another program.
    if (startTime !== '' && startTimeOf(pid) === startTime) signalGroup(pid, 'SIGKILL');
    rmSync(pidFile, { force: true });
  }

  async stop(): Promise<void> {
    const pid = this.#child.pid;
    if (pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    signalGroup(pid, 'SIGTERM');
    const timer = setTimeout(() => signalGroup(pid, 'SIGKILL'), STOP_MS);
    await this.ended;
    clearTimeout(timer);
  }
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ESRCH') throw thrown;
  }
}

/** Field 22 of /proc/PID/stat: clock ticks after boot, which tell two processes of one number apart; '' when there is none. */
function startTimeOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch (thrown) {
    if (['ENOENT', 'ESRCH'].includes((thrown as NodeJS.ErrnoException).code ?? '')) return '';
    throw thrown;
  }
}
