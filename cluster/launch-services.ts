import { mkdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { readClusterFile } from '../common/cluster-file.ts';
import { QuarryError } from '../common/quarry-error.ts';
import type { RoleOptions } from '../common/role.ts';
import { readLaunchFile, writeClusterFile, writeLaunchFile } from './cluster-files.ts';
import { layout, serviceAddress, type ServiceRole } from './layout.ts';
import { NodeProcess } from './node-process.ts';

export interface ServiceSpec {
  /** The folder under services/, and its name in cluster.json. */
  readonly name: string;
  /** What its start.ts reads. */
  readonly service: Readonly<Record<string, string>>;
}

export interface ServiceLaunch {
  readonly directory: string;
  readonly ports: 'default' | 'auto';
  readonly settings: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  readonly endsWithLauncher?: boolean;
  /** Ends a start that is under way, with INTERRUPTED. */
  readonly signal?: AbortSignal;
}

const START_TIMEOUT_MS = 60_000;
const RETRY_MS = 200;

/** Services with a port that others know by heart. */
const PORT_KEYS: Readonly<Record<string, string>> = {
  log: 'log.port',
  views: 'views.port',
  workflow: 'workflow.port',
  web: 'web.port',
};

/**
 * Starts services beside a running cluster, side by side, and adds them to its cluster.json and launch.json. Returns them with
 * their addresses. One that is killed while it starts, or whose peer is away, is started again. On a failure none of them is
 * left running. Errors: those of a service's start, INTERRUPTED.
 */
export async function launchServices(
  launch: ServiceLaunch,
  specs: readonly ServiceSpec[],
): Promise<{ processes: NodeProcess[]; addresses: Record<string, string> }> {
  const givenUp = new AbortController();
  const stopped = AbortSignal.any([givenUp.signal, ...(launch.signal === undefined ? [] : [launch.signal])]);
  const starts = specs.map((spec) => startOne(launch, spec, stopped));
  try {
    const started = await Promise.all(starts);
    const addresses = started.flatMap(({ process, address }) =>
      address === undefined ? [] : [[process.name, address] as const],
    );
    return { processes: started.map(({ process }) => process), addresses: Object.fromEntries(addresses) };
  } catch (thrown) {
    givenUp.abort();
    for (const each of await Promise.allSettled(starts)) {
      if (each.status === 'fulfilled') await each.value.process.kill();
    }
    throw thrown;
  }
}

async function startOne(
  launch: ServiceLaunch,
  spec: ServiceSpec,
  stopped: AbortSignal,
): Promise<{ process: NodeProcess; address: string | undefined }> {
  const deadlineMs = performance.now() + (launch.timeoutMs ?? START_TIMEOUT_MS);
  const { endsWithLauncher = false } = launch;
  for (;;) {
    const process = new NodeProcess(launch.directory, roleOf(spec.name), spec.name, { endsWithLauncher });
    const end = () => void process.kill();
    stopped.addEventListener('abort', end);
    try {
      stopped.throwIfAborted();
      return { process, address: await serve(launch, spec, process, deadlineMs - performance.now()) };
    } catch (thrown) {
      const isPassing = process.wasKilled || QuarryError.from(thrown).reaction === 'retry';
      await process.kill();
      if (stopped.aborted) throw new QuarryError('INTERRUPTED', `the start of ${spec.name} was given up`);
      if (!isPassing || performance.now() >= deadlineMs) throw thrown;
      await sleep(RETRY_MS);
    } finally {
      stopped.removeEventListener('abort', end);
    }
  }
}

async function serve(
  launch: ServiceLaunch,
  { name, service }: ServiceSpec,
  process: NodeProcess,
  timeoutMs: number,
): Promise<string | undefined> {
  const { directory } = launch;
  const portKey = PORT_KEYS[name];
  const free = launch.ports === 'auto' && portKey !== undefined ? { [portKey]: '0' } : {};
  const options: RoleOptions = {
    name,
    directory: layout.roleDirectory(directory, name),
    settings: { ...free, ...launch.settings },
    namenodeAddress: readClusterFile(directory).namenode.grpc,
    driverAddress: '',
    node: '',
    unixSocket: '',
    service,
  };
  mkdirSync(options.directory, { recursive: true });
  const ready = await process.serve(options, Math.max(1, timeoutMs));
  const address = serviceAddress(roleOf(name), ready);
  const bound =
    portKey === undefined || address === undefined ? {} : { [portKey]: address.split(':').at(-1)! };
  // Files are read and written without a pause between: services come up side by side.
  const known = readLaunchFile(directory);
  const record = { role: roleOf(name), options: { ...options, settings: { ...options.settings, ...bound } } };
  writeLaunchFile(directory, { processes: { ...known.processes, [name]: record } });
  const file = readClusterFile(directory);
  const others = (file.services ?? []).filter((other) => other.name !== name);
  const entry = { name, pid: ready.pid, ...(address === undefined ? {} : { address }) };
  writeClusterFile(directory, { ...file, services: [...others, entry] });
  return address;
}

function roleOf(name: string): ServiceRole {
  return `services/${name}`;
}
