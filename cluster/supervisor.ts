import { setTimeout as sleep } from 'node:timers/promises';
import { QuarryError } from '../common/quarry-error.ts';
import { readClusterFile } from '../common/cluster-file.ts';
import { readLaunchFile, renewed, writeClusterFile } from './cluster-files.ts';
import { serviceAddress } from './layout.ts';
import { NodeProcess } from './node-process.ts';

const START_TIMEOUT_MS = 60_000;
/** A process that ends again and again is started less and less often. */
const RESTART_MS_MIN = 100;
const RESTART_MS_MAX = 10_000;
/** Who has lived so long starts at once again. */
const STABLE_MS = 30_000;

/**
 * Starts every process of a cluster again when it ends, on its data and its ports, until it is released. Runs in the launcher;
 * launch.json says how a process was started.
 */
export class Supervisor {
  readonly #directory: string;
  readonly #endsWithLauncher: boolean;
  readonly #say: (message: string) => void;
  /** Started and not in cluster.json yet. */
  readonly #starting = new Set<NodeProcess>();
  #isReleased = false;

  constructor(
    { directory, endsWithLauncher = false }: { directory: string; endsWithLauncher?: boolean },
    say: (message: string) => void,
  ) {
    this.#directory = directory;
    this.#endsWithLauncher = endsWithLauncher;
    this.#say = say;
  }

  watch(process: NodeProcess, restartMs = RESTART_MS_MIN): void {
    const startedMs = performance.now();
    process.onExit((how) => {
      if (this.#isReleased) return;
      const waitMs = performance.now() - startedMs > STABLE_MS ? RESTART_MS_MIN : restartMs;
      this.#say(`${process.name} ended (${how}): starting it again`);
      void this.#restart(process.name, waitMs);
    });
  }

  /** What ends from now on stays ended. */
  async release(): Promise<void> {
    this.#isReleased = true;
    await Promise.all([...this.#starting].map((process) => process.kill()));
  }

  async #restart(name: string, waitMs: number): Promise<void> {
    await sleep(waitMs);
    if (this.#isReleased) return;
    const nextMs = Math.min(waitMs * 2, RESTART_MS_MAX);
    const record = readLaunchFile(this.#directory).processes[name];
    if (record === undefined) throw new QuarryError('INTERNAL', `launch.json does not know ${name}`);
    const started = new NodeProcess(this.#directory, record.role, name, {
      endsWithLauncher: this.#endsWithLauncher,
    });
    this.#starting.add(started);
    try {
      const ready = await started.serve(record.options, START_TIMEOUT_MS);
      const address = serviceAddress(record.role, ready);
      // Read and written without a pause between: several may come back at once.
      writeClusterFile(
        this.#directory,
        renewed(readClusterFile(this.#directory), name, { pid: ready.pid, address }),
      );
      this.watch(started, nextMs);
    } catch (thrown) {
      if (this.#isReleased) return;
      this.#say(`${name} could not be started: ${QuarryError.from(thrown).message.split('\n')[0]}`);
      await started.kill();
      void this.#restart(name, nextMs);
    } finally {
      this.#starting.delete(started);
    }
  }
}
