import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { packageRoot } from '../../common/package-root.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { ProcessIdentity } from '../core/records.ts';
import type { Outcome } from '../core/task-transitions.ts';
import { importFlags } from '../load/describe-dag-file.ts';
import { AttemptDirectory, type AttemptInput } from './attempt-directory.ts';
import { identityOf, isAlive, processesOfAttempt, signal } from './process-table.ts';

/** How often a process that is no child of ours is looked at. */
const POLL_MS = 100;
const ATTEMPT_MAIN = join(packageRoot, 'dist/workflow/run/attempt-main.js');

/** Begins, watches and ends the processes of attempts; also those that an earlier scheduler began. */
export class AttemptLauncher {
  readonly #graceMs: number;
  /** Attempts that are being ended: the promise of their processes' end. */
  readonly #endings = new Map<string, Promise<void>>();
  #isClosed = false;

  constructor(graceMs: number) {
    this.#graceMs = graceMs;
  }

  /** Begins an attempt in a process group of its own; its output goes to its log. */
  start(
    directory: AttemptDirectory,
    input: AttemptInput,
    environment: Readonly<Record<string, string>>,
  ): { readonly process: ProcessIdentity | undefined; readonly end: Promise<Outcome> } {
    directory.create(input);
    // Only a function of the DAG's file needs its imports.
    const flags = input.action.kind === 'function' ? importFlags() : [];
    const log = openSync(directory.logFile, 'a', 0o600);
    try {
      const child = spawn(process.execPath, [...flags, ATTEMPT_MAIN, directory.path], {
        detached: true,
        stdio: ['ignore', log, log],
        env: { ...process.env, ...environment },
      });
      const exited = new Promise<string>((resolve, reject) => {
        child.once('error', reject);
        child.once('exit', (code, name) => resolve(name ?? `exit code ${code}`));
      });
      child.unref();
      const identity = child.pid === undefined ? undefined : identityOf(child.pid);
      const end = exited.then(
        (how) => this.#conclude(directory, input.token, identity, how),
        (cause: Error): Outcome => {
          const error = new QuarryError('TASK_FAILED', `cannot start a process: ${cause.message}`, { cause });
          return { kind: 'failed', error: error.toWire(), isFinal: false };
        },
      );
      return { process: identity, end };
    } finally {
      closeSync(log);
    }
  }

  /** Takes over an attempt that an earlier scheduler began, or finds what it came to. */
  async adopt(
    directory: AttemptDirectory,
    token: string,
    seen: (process: ProcessIdentity) => void,
  ): Promise<Outcome> {
    const self = identityOf(process.pid);
    if (self !== undefined && directory.claim({ ...self, pid: 0 })) return { kind: 'not-started' };
    const claimant = directory.claimant();
    // A scheduler before this one has forbidden it already, and was ended before it could say so.
    if (claimant === undefined || claimant.pid === 0) return { kind: 'not-started' };
    if (isAlive(claimant)) {
      seen(claimant);
      while (isAlive(claimant)) {
        await sleep(POLL_MS, undefined, { ref: false });
        if (this.#isClosed) return new Promise(() => undefined);
      }
    }
    const end = await this.#conclude(directory, token, undefined, 'unwatched');
    if (end.kind !== 'failed' || directory.result() !== undefined) return end;
    return { kind: 'lost', reason: 'its process ended without a result while no scheduler watched it' };
  }

  /** SIGTERM to every process of the attempt, SIGKILL to what is left after the grace. Ends when none is left. */
  end(token: string, leader: ProcessIdentity | undefined): Promise<void> {
    const known = this.#endings.get(token);
    if (known !== undefined) return known;
    const ending = this.#endProcesses(token, leader).finally(() => this.#endings.delete(token));
    this.#endings.set(token, ending);
    return ending;
  }

  /** Stops watching; the attempts go on without us. */
  close(): void {
    this.#isClosed = true;
  }

  async #endProcesses(token: string, leader: ProcessIdentity | undefined): Promise<void> {
    const deadline = performance.now() + this.#graceMs;
    let hasAsked = false;
    for (;;) {
      const isLate = performance.now() > deadline;
      const left = processesOfAttempt(token);
      if (left.length === 0 && (leader === undefined || !isAlive(leader))) return;
      if (!hasAsked || isLate) {
        const name = isLate ? 'SIGKILL' : 'SIGTERM';
        // The group at once: a shell must not start its next command between two signals.
        if (leader !== undefined && isAlive(leader)) signal(-leader.pid, name);
        else for (const pid of left) signal(pid, name);
        hasAsked = true;
      }
      // Keeps this process: one that closes has nothing else left to wait for, and would go before its attempts have.
      await sleep(POLL_MS / 2);
    }
  }

  /** The leader has gone. Nothing of the attempt may live on when its end is told: a retry would run beside it. */
  async #conclude(
    directory: AttemptDirectory,
    token: string,
    leader: ProcessIdentity | undefined,
    how: string,
  ): Promise<Outcome> {
    const result = directory.result();
    if (result?.kind !== 'success' || leader === undefined || signal(-leader.pid, 0))
      await this.end(token, undefined);
    const message = `its process ended without a result (${how}): its log may tell why`;
    return (
      directory.result() ?? {
        kind: 'failed',
        error: new QuarryError('TASK_FAILED', message).toWire(),
        isFinal: false,
      }
    );
  }
}
