import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';

/** A server of someone else's as a child process of the test. Everything ends it by its own process id. */
export class ChildService {
  readonly #command: string;
  readonly #args: readonly string[];
  readonly #install: string;
  #child: ChildProcess | undefined;
  #output = '';

  constructor(command: string, args: readonly string[], install: string) {
    this.#command = command;
    this.#args = args;
    this.#install = install;
  }

  get pid(): number {
    return this.#child?.pid ?? -1;
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Starts the process and waits until `isReady` says so. */
  async start(isReady: () => Promise<boolean>, timeoutMs = 30_000): Promise<void> {
    this.#output = '';
    const child = spawn(this.#command, this.#args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    const failed = new Promise<never>((_, reject) => {
      child.once('error', (cause: NodeJS.ErrnoException) => {
        const text =
          cause.code === 'ENOENT' ? `${this.#command} is missing: run ${this.#install}` : cause.message;
        reject(new Error(text, { cause }));
      });
      child.once('exit', (code, signal) =>
        reject(new Error(`${this.#command} ended (${code ?? signal}) before it was ready:\n${this.#output}`)),
      );
    });
    const keep = (chunk: Buffer) => {
      this.#output = (this.#output + chunk.toString()).slice(-4000);
    };
    child.stdout!.on('data', keep);
    child.stderr!.on('data', keep);
    await Promise.race([failed, this.#untilReady(isReady, timeoutMs)]);
    // From here on its end is the test's doing.
    failed.catch(() => undefined);
  }

  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (child === undefined || !this.isRunning) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }

  async #untilReady(isReady: () => Promise<boolean>, timeoutMs: number): Promise<void> {
    const untilMs = Date.now() + timeoutMs;
    while (!(await isReady())) {
      if (Date.now() > untilMs) throw new Error(`${this.#command} is not ready:\n${this.#output}`);
      if (!this.isRunning) return;
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
