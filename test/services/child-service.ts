import { type ChildProcess, spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';

export interface ChildServiceOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** The command that a person runs when the server is missing. */
  readonly install: string;
  readonly isReady: () => Promise<boolean>;
  /** Its own: `stop` removes it. */
  readonly directory: string;
}

/** A server of someone else's as a child process of the test. Everything ends it by its own process id. */
export class ChildService {
  readonly #options: ChildServiceOptions;
  #child: ChildProcess | undefined;
  #output = '';
  readonly #endWithUs = () => this.#child?.kill('SIGKILL');

  constructor(options: ChildServiceOptions) {
    this.#options = options;
  }

  get pid(): number {
    return this.#child?.pid ?? -1;
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Starts the process on the data it has, and waits until it is ready. */
  async start(isReady = this.#options.isReady, timeoutMs = 30_000): Promise<void> {
    const { command, args, install } = this.#options;
    this.#output = '';
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    process.once('exit', this.#endWithUs);
    const failed = new Promise<never>((_, reject) => {
      child.once('error', (cause: NodeJS.ErrnoException) => {
        const text = cause.code === 'ENOENT' ? `${command} is missing: run ${install}` : cause.message;
        reject(new Error(text, { cause }));
      });
      child.once('exit', (code, signal) =>
        reject(new Error(`${command} ended (${code ?? signal}) before it was ready:\n${this.#output}`)),
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

  /** Ends it as an operator does, and starts it on the same data. */
  async restart(): Promise<void> {
    await this.#end('SIGTERM');
    await this.start();
  }

  /** kill -9; `start` brings it back with what it has on its disk. */
  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.#options.directory, { recursive: true, force: true });
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (child === undefined || !this.isRunning) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
    process.off('exit', this.#endWithUs);
  }

  async #untilReady(isReady: () => Promise<boolean>, timeoutMs: number): Promise<void> {
    const untilMs = Date.now() + timeoutMs;
    while (!(await isReady())) {
      if (Date.now() > untilMs) throw new Error(`${this.#options.command} is not ready:\n${this.#output}`);
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
