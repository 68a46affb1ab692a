import { silentLog } from '../../common/log.ts';
import type { Seams } from '../../common/seams/seams.ts';
import { SimDiskFiles } from './sim-disk.ts';
import { SimNetwork } from './sim-network.ts';
import { SimProcess } from './sim-process.ts';
import { SimRandom } from './sim-random.ts';
import { SimTime } from './sim-time.ts';

export interface Closable {
  close(): Promise<void>;
}

/** A machine: its disk and the way to start its process stay when the process crashes. */
interface SimNode {
  readonly name: string;
  readonly disk: SimDiskFiles;
  readonly boot: (seams: Seams) => Promise<Closable>;
  process: SimProcess | undefined;
}

/**
 * A whole cluster in one thread and in virtual time. Everything that happens follows from the seed: the order of
 * events, every delay, every fault. `trace` is a digest of all of it, equal for equal seeds.
 */
export class SimWorld {
  readonly seed: number;
  readonly random: SimRandom;
  readonly time: SimTime;
  readonly network: SimNetwork;
  readonly counters: Record<string, number> = {};
  readonly #nodes = new Map<string, SimNode>();
  readonly #disks: { syncsLogs: boolean };
  #digest = 0;

  constructor(seed: number, disks: { syncsLogs: boolean } = { syncsLogs: true }) {
    this.seed = seed;
    this.#disks = disks;
    this.random = new SimRandom(seed);
    this.time = new SimTime(this.random.fork());
    this.network = new SimNetwork(this.time, this.random.fork());
  }

  /** One number for everything noted so far. */
  get trace(): string {
    return `${(this.#digest >>> 0).toString(16)}@${this.time.nowMs.toFixed(3)}/${this.time.eventCount}`;
  }

  /** Adds to the trace and to the counters. */
  note(what: string, detail = ''): void {
    this.counters[what] = (this.counters[what] ?? 0) + 1;
    for (const char of `${this.time.nowMs}|${what}|${detail}`) {
      this.#digest = Math.imul(this.#digest ^ char.charCodeAt(0), 0x01000193);
    }
    if (globalThis.process.env['QUARRY_SIM_TRACE'] !== undefined)
      console.log(this.time.nowMs.toFixed(3), what, detail);
  }

  add(name: string, boot: (seams: Seams) => Promise<Closable>): void {
    this.#nodes.set(name, { name, disk: new SimDiskFiles(this.#disks), boot, process: undefined });
  }

  isUp(name: string): boolean {
    return this.#node(name).process?.isAlive() === true;
  }

  /** Starts the node's process; resolves when it serves. A start that fails leaves the node down. */
  async start(name: string): Promise<void> {
    const node = this.#node(name);
    const process = new SimProcess(name);
    node.process = process;
    this.note('start', name);
    try {
      await Promise.race([node.boot(this.seams(process, node.disk)), process.ended]);
    } catch (thrown) {
      this.note('start failed', `${name}: ${String(thrown)}`);
      if (process.isAlive()) this.crash(name);
      throw thrown;
    }
  }

  /** Power off: the process is gone in the middle of what it did, and un-synced writes may be lost. */
  crash(name: string): void {
    const node = this.#node(name);
    if (node.process?.isAlive() !== true) return;
    this.note('crash', name);
    node.process.crash();
    this.network.crashed(node.process);
    node.disk.crash(this.random);
  }

  /** Stops the node's process without ending it; the answer lets it go on. */
  freeze(name: string): () => void {
    this.note('freeze', name);
    const resume = this.#node(name).process?.freeze();
    return () => {
      this.note('resume', name);
      resume?.();
    };
  }

  /** The world as one process meets it. */
  seams(process: SimProcess, disk: SimDiskFiles = new SimDiskFiles()): Seams {
    return {
      clock: this.time.clock(process),
      random: this.random.fork(),
      net: this.network.net(process),
      rpc: this.network.rpc(process),
      disk: disk.mount(process.isAlive),
      proc: {
        pid: 1,
        abort: (reason, cause) => {
          this.note('abort', `${process.node}: ${reason} ${String(cause)}`);
          this.crash(process.node);
          throw new Error(`${process.node} aborted: ${reason}`);
        },
      },
      log: silentLog(),
    };
  }

  #node(name: string): SimNode {
    const node = this.#nodes.get(name);
    if (node === undefined) throw new Error(`no node ${name}`);
    return node;
  }
}
