import { FileSystem } from '../../client/fs/file-system.ts';
import { type Config, resolveConfig } from '../../common/config.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import { Datanode } from '../../datanode/datanode.ts';
import { startNamenode } from '../../namenode/namenode-server.ts';
import { FAULTS, type Fault } from './faults.ts';
import { SimProcess } from './sim-process.ts';
import type { SimRandom } from './sim-random.ts';
import { SimWorld } from './sim-world.ts';
import { Violation, Workload } from './workload.ts';

const DATANODES = 5;
const CLIENTS = 3;
const NAMENODE_ADDRESS = 'namenode:9001';
/** How long the healed cluster may take to be whole again, in virtual time. */
const QUIESCENCE_MS = 600_000;

export interface SimOutcome {
  readonly seed: number;
  readonly trace: string;
  readonly virtualMs: number;
  readonly faults: readonly string[];
  readonly counters: Readonly<Record<string, number>>;
  readonly files: number;
  readonly bytes: number;
}

/** Small blocks, packets and segments, so that every boundary is crossed often; the seed draws the rest. */
function settings(random: SimRandom): Record<string, string> {
  return {
    'namenode.minBlockSizeBytes': '512',
    'client.blockSizeBytes': String(random.pick([1024, 2048, 4096])),
    'client.packetBytes': String(random.pick([512, 1024])),
    'client.windowBytes': String(random.pick([1024, 4096])),
    'datanode.segmentBytes': String(random.pick([20_000, 100_000])),
    'namenode.sweepIntervalMs': String(random.pick([5_000, 60_000])),
    'namenode.safeModeExtensionMs': String(random.pick([0, 2_000])),
    'namenode.leaseSoftMs': '20000',
    'namenode.leaseHardMs': '40000',
    'datanode.fullReportIntervalMs': String(random.pick([10_000, 120_000])),
    'datanode.scrubIntervalMs': '60000',
  };
}

/** One seed, one run of a namenode, five datanodes and three clients under faults; then the checks. */
export class SimCluster {
  readonly world: SimWorld;
  readonly random: SimRandom;
  readonly datanodes = Array.from({ length: DATANODES }, (_, i) => `dn${i + 1}`);
  readonly clients = Array.from({ length: CLIENTS }, (_, i) => `client${i + 1}`);
  readonly #config: Config;
  readonly #files = new Map<string, FileSystem>();
  readonly #starting = new Map<string, Promise<void>>();
  #faultsEnded = false;

  constructor(seed: number, disks?: { syncsLogs: boolean }) {
    this.world = new SimWorld(seed, disks);
    this.random = this.world.random.fork();
    this.#config = resolveConfig(settings(this.random));
    const { world } = this;
    world.add('namenode', (seams) =>
      startNamenode({ address: NAMENODE_ADDRESS, user: 'sim' }, this.#config, seams),
    );
    for (const name of this.datanodes) {
      world.add(name, (seams) =>
        Datanode.start(
          {
            nodeId: name,
            namenodeAddress: NAMENODE_ADDRESS,
            hostLabel: name,
            dataAddress: `${name}:9866`,
            grpcAddress: `${name}:9868`,
            unixSocket: '',
            httpAddress: '',
          },
          this.#config,
          seams,
        ),
      );
    }
  }

  /** Waits that much virtual time, or until the faults end. */
  async pause(leastMs: number, mostMs: number): Promise<void> {
    const end = this.world.time.nowMs + this.random.between(leastMs, mostMs);
    while (this.world.time.nowMs < end && !this.#faultsEnded)
      await this.sleep(Math.min(100, end - this.world.time.nowMs + 0.1));
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.world.time.at(delayMs, resolve);
    });
  }

  /** Starts a node again until it serves. */
  async restart(name: string): Promise<void> {
    // Another fault may have crashed it and be about to start it.
    const starting = this.#starting.get(name);
    if (starting !== undefined) return starting;
    const start = this.#startUntilUp(name).finally(() => this.#starting.delete(name));
    this.#starting.set(name, start);
    return start;
  }

  async #startUntilUp(name: string): Promise<void> {
    for (let attempt = 0; !this.world.isUp(name); attempt++) {
      if (attempt > 50) throw new Violation(`${name} does not come back`);
      try {
        await this.world.start(name);
      } catch (thrown) {
        // Damage that a process finds in its own directory would be ours: crashes alone make none.
        const { code, message } = QuarryError.from(thrown);
        if (code === 'METADATA_DAMAGED' || code === 'INTERNAL')
          throw new Violation(`${name}: ${code}: ${message}`, { cause: thrown });
        await this.sleep(500);
      }
    }
  }

  async run(operations: number): Promise<SimOutcome> {
    await this.restart('namenode');
    await Promise.all(this.datanodes.map((name) => this.restart(name)));
    const workloads = await Promise.all(this.clients.map((name) => this.#workload(name)));
    const faults = FAULTS.filter(() => this.random.chance(0.5));
    let stop = false;
    const striking = Promise.all(faults.map((fault) => this.#strikeAgain(fault)));
    const working = Promise.all(workloads.map((workload) => workload.run(operations, () => stop)));
    const failed = Promise.race([striking.then(() => working), working]).catch((thrown: unknown) => {
      stop = true;
      throw thrown;
    });
    await failed;
    await working;
    this.#faultsEnded = true;
    await striking;
    await this.#heal();
    const bytes = await this.#audit(workloads);
    return {
      seed: this.world.seed,
      trace: this.world.trace,
      virtualMs: this.world.time.nowMs,
      faults: faults.map(({ name }) => name),
      counters: this.world.counters,
      files: workloads.reduce((sum, workload) => sum + workload.model.size, 0),
      bytes,
    };
  }

  async #workload(name: string): Promise<Workload> {
    const seams = this.world.seams(new SimProcess(name));
    const fs = await FileSystem.connect({
      namenodeAddress: NAMENODE_ADDRESS,
      config: this.#config,
      seams,
      user: 'sim',
    });
    this.#files.set(name, fs);
    return new Workload(this.world, fs, `/${name}`);
  }

  async #strikeAgain(fault: Fault): Promise<void> {
    while (!this.#faultsEnded) {
      await this.pause(500, 10_000);
      if (this.#faultsEnded) return;
      this.world.note(`fault: ${fault.name}`);
      await fault.strike(this);
    }
  }

  /** Everything works again; from here on the cluster must become whole by itself. */
  async #heal(): Promise<void> {
    this.world.network.heal();
    Object.assign(this.world.network.weather, {
      dropProbability: 0,
      duplicateProbability: 0,
      delayProbability: 0,
      resetProbability: 0,
    });
    await this.restart('namenode');
    await Promise.all(this.datanodes.map((name) => this.restart(name)));
  }

  async #audit(workloads: readonly Workload[]): Promise<number> {
    const fs = this.#files.get(this.clients[0]!)!;
    const deadlineMs = this.world.time.nowMs + QUIESCENCE_MS;
    for (;;) {
      const report = await fs.fsck('/');
      const open = report.findings.filter(({ problem }) => problem !== 'open');
      if (report.underReplicated + report.overReplicated + report.corrupt + report.missing === 0) break;
      if (this.world.time.nowMs > deadlineMs) {
        throw new Violation(
          `not whole after ${QUIESCENCE_MS} ms: ${JSON.stringify({ ...report, findings: open.slice(0, 5) })}`,
        );
      }
      await this.sleep(1_000);
    }
    let bytes = 0;
    for (const workload of workloads) {
      await workload.expectListing();
      bytes += await workload.expectContents();
    }
    return bytes;
  }
}

/** Runs one seed to its end. What it throws names the seed. */
export async function runSeed(
  seed: number,
  options: { operations?: number; disks?: { syncsLogs: boolean } } = {},
): Promise<SimOutcome> {
  const cluster = new SimCluster(seed, options.disks);
  try {
    return await cluster.world.time.until(cluster.run(options.operations ?? 40), 3_600_000);
  } catch (thrown) {
    const { message } = QuarryError.from(thrown);
    throw new Error(`seed ${seed} at ${cluster.world.time.nowMs.toFixed(0)} ms of virtual time: ${message}`, {
      cause: thrown,
    });
  }
}
