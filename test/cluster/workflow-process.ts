import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { packageRoot } from '../../common/package-root.ts';
import type { RoleMessage, RoleOptions } from '../../common/role.ts';
import { WorkflowClient } from '../../workflow/service/api-client.ts';
import type { RunDetail } from '../../workflow/service/views.ts';

/** A workflow service in a process of its own, on a directory that outlives it. */
export class WorkflowProcess {
  readonly directory: string;
  readonly #options: Pick<RoleOptions, 'settings' | 'service'>;
  #child: ChildProcess | undefined;
  #output = '';
  url = '';

  constructor(directory: string, options: Pick<RoleOptions, 'settings' | 'service'>) {
    this.directory = directory;
    this.#options = options;
  }

  static async start(options: {
    dags: readonly string[];
    cluster?: string;
    settings?: Record<string, string>;
  }): Promise<WorkflowProcess> {
    const directory = await mkdtemp(join(tmpdir(), 'quarry-workflow-'));
    const service = new WorkflowProcess(directory, {
      settings: { 'workflow.port': '0', 'workflow.killGraceMs': '500', ...options.settings },
      service: { dags: options.dags.join('\n'), cluster: options.cluster ?? directory },
    });
    await service.begin();
    return service;
  }

  /** Serves when it returns. */
  async begin(): Promise<void> {
    const child = spawn(process.execPath, [join(packageRoot, 'dist/services/workflow/main.js')], {
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
      cwd: packageRoot,
    });
    this.#child = child;
    child.stdout!.on('data', (chunk: Buffer) => {
      this.#output = (this.#output + chunk.toString()).slice(-4_000);
    });
    const ready = new Promise<RoleMessage>((resolve, reject) => {
      child.once('message', (message) => resolve(message as RoleMessage));
      child.once('exit', (code) => reject(new Error(`the service ended with ${code}`)));
    });
    const options: RoleOptions = {
      name: 'workflow',
      directory: this.directory,
      namenodeAddress: '',
      driverAddress: '',
      node: '',
      unixSocket: '',
      ...this.#options,
    };
    child.send(options);
    const message = await ready;
    if (message.kind === 'failed') throw new Error(`${message.error.code}: ${message.error.message}`);
    this.url = `http://${message.addresses['http']}`;
  }

  /** Begins, and is killed that long after; whether it was serving by then does not matter. */
  async beginAndKill(afterMs: number): Promise<void> {
    const serving = this.begin().catch(() => undefined);
    await sleep(afterMs);
    await this.kill();
    await serving;
  }

  get client(): WorkflowClient {
    return new WorkflowClient(this.url);
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise<number | null>((resolve) => child.once('close', resolve));
    child.kill(signal);
    const code = await exited;
    if (signal === 'SIGTERM' && code !== 0)
      throw new Error(`the service closed with ${code ?? 'a signal'}:\n${this.#output}`);
  }

  async stop(): Promise<void> {
    await this.kill('SIGTERM');
    await rm(this.directory, { recursive: true, force: true });
  }

  async ended(dagId: string, runId: string, timeoutMs = 60_000): Promise<RunDetail> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const run = await this.client.run(dagId, runId);
      if (run.finishedAt !== null) return run;
      if (Date.now() > deadline) throw new Error(`${runId} does not end: ${JSON.stringify(run.tasks)}`);
      await sleep(100);
    }
  }
}
