import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { packageRoot } from '../common/package-root.ts';
import { QuarryError } from '../common/quarry-error.ts';
import type { RoleMessage, RoleOptions } from '../common/role.ts';
import { layout, type Role } from './layout.ts';

export interface ReadyProcess {
  readonly pid: number;
  readonly addresses: Readonly<Record<string, string>>;
  readonly facts: Readonly<Record<string, string>>;
}

interface Runtime {
  readonly nodeOptions: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * What LevelDB frees goes back to the system: by itself the C library keeps a heap for each thread, and with the first
 * large block that is freed it raises the bound up to which it keeps them all. Packets stay below the bound: to map and
 * unmap each would cost a datanode a fifth of its processor time.
 */
const LEVELDB_MEMORY: Readonly<Record<string, string>> = {
  MALLOC_ARENA_MAX: '2',
  MALLOC_MMAP_THRESHOLD_: '1048576',
  MALLOC_TRIM_THRESHOLD_: '1048576',
};
/** A small young generation, in MiB, keeps an idle daemon's heap from growing to what nobody uses. */
const USUAL: Runtime = { nodeOptions: ['--max-semi-space-size=16'], environment: {} };
const RUNTIME_OF: Readonly<Partial<Record<Role, Runtime>>> = {
  namenode: { nodeOptions: ['--max-semi-space-size=4'], environment: {} },
  // Nodes run several to a core: a collector with threads of its own takes from them more than it gives to its process.
  datanode: { nodeOptions: ['--max-semi-space-size=4', '--single-threaded-gc'], environment: LEVELDB_MEMORY },
};

/** A role's process from spawn to exit. It loads its code at once and starts to serve when it is told its options. */
export class NodeProcess {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #log: string;
  readonly #exited: Promise<string>;
  readonly #endsWithLauncher: boolean;
  #wasKilled = false;

  constructor(
    directory: string,
    role: Role,
    name: string,
    options: { readonly endsWithLauncher?: boolean } = {},
  ) {
    this.name = name;
    this.#endsWithLauncher = options.endsWithLauncher ?? false;
    this.#log = layout.logFile(directory, name);
    mkdirSync(dirname(this.#log), { recursive: true });
    const log = openSync(this.#log, 'a');
    const { nodeOptions, environment } = RUNTIME_OF[role] ?? USUAL;
    this.#child = spawn(process.execPath, [...nodeOptions, join(packageRoot, 'dist', role, 'main.js')], {
      // A group of its own: Ctrl-C in the terminal is for the launcher, which stops the roles in order.
      detached: true,
      stdio: ['ignore', log, log, 'ipc'],
      env: { ...environment, ...process.env, NODE_NO_WARNINGS: '1' },
    });
    closeSync(log);
    const disconnected = new Promise<void>((resolve) => this.#child.once('disconnect', () => resolve()));
    const exited = new Promise<string>((resolve) =>
      this.#child.once('exit', (code, signal) => {
        this.#wasKilled = signal !== null || code === 0;
        resolve(signal ?? `exit code ${code}`);
      }),
    );
    // Its last words may still be in the channel when it has exited: the channel closes after they are read.
    this.#exited = exited.then((how) => disconnected.then(() => how));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Resolves when the process serves. Errors: what the process says of its failure, or INTERNAL with the end of its log. */
  async serve(options: RoleOptions, timeoutMs: number): Promise<ReadyProcess> {
    const message = await new Promise<RoleMessage>((resolve, reject) => {
      const fail = (why: string) =>
        reject(new QuarryError('INTERNAL', `${this.name} ${why}; the end of its log:\n${this.#logTail()}`));
      let isReady = false;
      const timer = setTimeout(() => fail(`was not ready within ${timeoutMs} ms`), timeoutMs);
      this.#child.once('error', (cause) => fail(`could not be started: ${cause.message}`));
      // It may have ended long before it was told its options.
      void this.#exited.then((how) => {
        clearTimeout(timer);
        if (!isReady) fail(`ended before it was ready (${how})`);
      });
      this.#child.once('message', (received) => {
        clearTimeout(timer);
        isReady = true;
        resolve(received as RoleMessage);
      });
      const told: RoleOptions = this.#endsWithLauncher ? { ...options, endsWithLauncher: true } : options;
      // One that has just been killed takes no message: its end is what is told.
      if (this.#child.connected) this.#child.send(told, () => undefined);
    });
    if (message.kind === 'failed') throw QuarryError.fromWire(message.error);
    return { pid: this.pid, addresses: message.addresses, facts: message.facts };
  }

  /** Somebody ended it with a signal: that says nothing against starting it again. */
  get wasKilled(): boolean {
    return this.#wasKilled;
  }

  /** Calls back when the process has ended, with what ended it. */
  onExit(listener: (how: string) => void): void {
    void this.#exited.then(listener);
  }

  /** Lets the launcher end while the process goes on. */
  unref(): void {
    this.#child.unref();
    if (this.#child.connected) this.#child.disconnect();
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGKILL');
    await this.#exited;
  }

  #logTail(): string {
    return readFileSync(this.#log, 'utf8').trimEnd().split('\n').slice(-5).join('\n');
  }
}
