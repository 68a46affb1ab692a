import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { hasCode, QuarryError } from '../common/quarry-error.ts';
import type { ClusterFile } from '../common/cluster-file.ts';
import { resolveConfig } from '../common/config.ts';
import type { RoleOptions } from '../common/role.ts';
import { runningCluster, writeClusterFile, writeLaunchFile } from './cluster-files.ts';
import { datanodeName, executorName, layout, type ProcessRecord, type Role } from './layout.ts';
import { NodeProcess, type ReadyProcess } from './node-process.ts';

export interface LaunchOptions {
  readonly directory: string;
  readonly nodes: number;
  /** default: the ports of Hadoop and Spark, datanode i adds 10·(i-1); auto: free ones. */
  readonly ports: 'default' | 'auto';
  readonly settings: Readonly<Record<string, string>>;
  /** How long the whole start may take. */
  readonly timeoutMs?: number;
  /** No process outlives this one, not even when it is killed with -9. */
  readonly endsWithLauncher?: boolean;
}

export interface LaunchedCluster {
  readonly directory: string;
  readonly file: ClusterFile;
  readonly processes: readonly NodeProcess[];
}

const PORT_KEYS = [
  'namenode.grpcPort',
  'namenode.httpPort',
  'datanode.dataPort',
  'datanode.grpcPort',
  'datanode.httpPort',
  'driver.connectPort',
  'driver.grpcPort',
  'driver.httpPort',
  'executor.grpcPort',
  'executor.shufflePort',
] as const;

/** The door that each key is bound to, so that a restarted process comes back where its peers know it. */
const DOORS: Readonly<Partial<Record<Role, Readonly<Record<string, (typeof PORT_KEYS)[number]>>>>> = {
  namenode: { grpc: 'namenode.grpcPort', http: 'namenode.httpPort' },
  datanode: { data: 'datanode.dataPort', grpc: 'datanode.grpcPort', http: 'datanode.httpPort' },
  driver: { connect: 'driver.connectPort', grpc: 'driver.grpcPort', http: 'driver.httpPort' },
};

/** Starts one namenode, one driver and `nodes` pairs of datanode and executor as processes; resolves when a write and a query succeed. On a failure nothing is left running. */
export async function launchCluster(options: LaunchOptions): Promise<LaunchedCluster> {
  const directory = resolve(options.directory);
  resolveConfig(options.settings);
  if (!Number.isInteger(options.nodes) || options.nodes < 1 || options.nodes > 100) {
    throw new QuarryError('INVALID_ARGUMENT', '--nodes takes a number from 1 to 100');
  }
  if (runningCluster(directory) !== undefined) {
    throw new QuarryError(
      'STORAGE_IN_USE',
      `a cluster already runs in ${directory}: stop it first (quarry cluster stop --dir ${directory})`,
    );
  }
  mkdirSync(directory, { recursive: true });
  const deadlineMs = performance.now() + (options.timeoutMs ?? 60_000);
  let launch = new Launch(directory, options, deadlineMs);
  // Ctrl-C while it starts must leave nothing running either.
  const interrupted = () => {
    launch.wasInterrupted = true;
    void launch.abandon().then(() => process.exit(130));
  };
  process.once('SIGINT', interrupted);
  process.once('SIGTERM', interrupted);
  try {
    for (;;) {
      try {
        return await launch.run();
      } catch (thrown) {
        const mayTryAgain = launch.wasKilled && performance.now() < deadlineMs;
        await launch.abandon();
        if (launch.wasInterrupted) throw new QuarryError('INTERRUPTED', 'the start was interrupted');
        if (!mayTryAgain) throw explain(thrown, options.ports);
        launch = new Launch(directory, options, deadlineMs);
      }
    }
  } finally {
    process.off('SIGINT', interrupted);
    process.off('SIGTERM', interrupted);
  }
}

class Launch {
  readonly #directory: string;
  readonly #options: LaunchOptions;
  readonly #deadlineMs: number;
  readonly #processes: NodeProcess[] = [];
  readonly #records: Record<string, ProcessRecord> = {};

  wasInterrupted = false;
  #isAbandoned = false;
  #isUp = false;
  #wasKilled = false;

  constructor(directory: string, options: LaunchOptions, deadlineMs: number) {
    this.#directory = directory;
    this.#options = options;
    this.#deadlineMs = deadlineMs;
  }

  /** It failed because somebody killed one of the processes. */
  get wasKilled(): boolean {
    return this.#wasKilled;
  }

  run(): Promise<LaunchedCluster> {
    return new Promise((resolve, reject) => {
      // Those that were ready before would be waited for until the time is up.
      const onKill = (error: QuarryError) => {
        this.#wasKilled = true;
        reject(error);
      };
      this.#bringUp(onKill).then(resolve, reject);
    });
  }

  async #bringUp(onKill: (error: QuarryError) => void): Promise<LaunchedCluster> {
    // All processes load their code side by side; each is told its options when the addresses in them are known.
    const indexes = Array.from({ length: this.#options.nodes }, (_, i) => i + 1);
    const namenode = this.#spawn('namenode', 'namenode');
    const datanodes = indexes.map((i) => this.#spawn('datanode', datanodeName(i)));
    const driver = this.#spawn('driver', 'driver');
    const executors = indexes.map((i) => this.#spawn('executor', executorName(i)));
    this.#watch(onKill);

    const readyNamenode = await this.#serve('namenode', namenode, {});
    const namenodeAddress = address(readyNamenode, 'grpc');
    const [readyDatanodes, [readyDriver, readyExecutors]] = await Promise.all([
      Promise.all(
        datanodes.map((process, i) =>
          this.#serve('datanode', process, this.#datanode(i + 1, namenodeAddress)),
        ),
      ),
      this.#serve('driver', driver, { namenodeAddress }).then(async (ready) => {
        const driverAddress = address(ready, 'grpc');
        const nodes = executors.map((process, i) =>
          this.#serve('executor', process, { namenodeAddress, driverAddress, node: datanodeName(i + 1) }),
        );
        return [ready, await Promise.all(nodes)] as const;
      }),
    ]);
    // Loaded now: gRPC would keep the processes waiting for their launcher.
    const { awaitServing } = await import('./readiness.ts');
    await awaitServing(namenodeAddress, this.#options.nodes, this.#remainingMs());
    const file: ClusterFile = {
      clusterId: readyNamenode.facts['clusterId'] ?? '',
      namenode: { pid: readyNamenode.pid, grpc: namenodeAddress, ...http(readyNamenode) },
      datanodes: readyDatanodes.map((ready, i) => ({
        id: datanodeName(i + 1),
        pid: ready.pid,
        data: address(ready, 'data'),
        ...http(ready),
      })),
      executors: readyExecutors.map((ready, i) => ({
        id: executorName(i + 1),
        node: datanodeName(i + 1),
        pid: ready.pid,
      })),
      driver: {
        pid: readyDriver.pid,
        connect: `sc://${address(readyDriver, 'connect')}`,
        ...http(readyDriver),
      },
    };
    if (this.#isAbandoned) throw new QuarryError('INTERRUPTED', 'the start was given up');
    this.#isUp = true;
    writeLaunchFile(this.#directory, { processes: this.#records });
    writeClusterFile(this.#directory, file);
    return { directory: this.#directory, file, processes: this.#processes };
  }

  /** Ends whatever was started. */
  async abandon(): Promise<void> {
    this.#isAbandoned = true;
    await Promise.all(this.#processes.map((process) => process.kill()));
  }

  #spawn(role: Role, name: string): NodeProcess {
    const { endsWithLauncher = false } = this.#options;
    const process = new NodeProcess(this.#directory, role, name, { endsWithLauncher });
    this.#processes.push(process);
    return process;
  }

  #watch(onKill: (error: QuarryError) => void): void {
    for (const each of this.#processes) {
      each.onExit((how) => {
        if (this.#isUp || this.#isAbandoned || !each.wasKilled) return;
        onKill(new QuarryError('INTERNAL', `${each.name} was ended (${how}) while the cluster started`));
      });
    }
  }

  async #serve(role: Role, process: NodeProcess, known: Partial<RoleOptions>): Promise<ReadyProcess> {
    const options: RoleOptions = {
      name: process.name,
      directory: layout.roleDirectory(this.#directory, process.name),
      settings: { ...this.#ports(), ...this.#options.settings },
      namenodeAddress: '',
      driverAddress: '',
      node: '',
      unixSocket: '',
      ...known,
    };
    mkdirSync(options.directory, { recursive: true });
    const ready = await process.serve(options, this.#remainingMs());
    const bound = Object.entries(DOORS[role] ?? {}).flatMap(([door, key]) => {
      const at = ready.addresses[door];
      return at === undefined ? [] : [[key, at.slice(at.lastIndexOf(':') + 1)] as const];
    });
    this.#records[process.name] = {
      role,
      options: { ...options, settings: { ...options.settings, ...Object.fromEntries(bound) } },
    };
    return ready;
  }

  #datanode(index: number, namenodeAddress: string): Partial<RoleOptions> {
    const name = datanodeName(index);
    const socket = layout.unixSocket(this.#directory, name);
    if (socket !== '') mkdirSync(resolve(socket, '..'), { recursive: true });
    const settings = { ...this.#ports(), ...this.#options.settings };
    if (this.#options.ports === 'default') {
      const config = resolveConfig(settings);
      for (const key of ['datanode.dataPort', 'datanode.grpcPort', 'datanode.httpPort'] as const) {
        settings[key] = String(config[key] + 10 * (index - 1));
      }
    }
    return { namenodeAddress, node: name, unixSocket: socket, settings };
  }

  #ports(): Record<string, string> {
    return this.#options.ports === 'auto' ? Object.fromEntries(PORT_KEYS.map((key) => [key, '0'])) : {};
  }

  #remainingMs(): number {
    return Math.max(1, this.#deadlineMs - performance.now());
  }
}

function address(ready: ReadyProcess, door: string): string {
  const at = ready.addresses[door];
  if (at === undefined) throw new QuarryError('INTERNAL', `a process came up without its ${door} door`);
  return at;
}

function http(ready: ReadyProcess): { http?: string } {
  const at = ready.addresses['http'];
  return at === undefined ? {} : { http: `http://${at}` };
}

function explain(thrown: unknown, ports: LaunchOptions['ports']): unknown {
  if (!hasCode(thrown, 'PORT_IN_USE') || ports === 'auto') return thrown;
  return new QuarryError('PORT_IN_USE', `${thrown.message}; stop it, or start with --ports auto`, {
    cause: thrown,
    details: thrown.details,
  });
}
