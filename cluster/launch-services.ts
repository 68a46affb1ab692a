import { mkdirSync } from 'node:fs';
import { readClusterFile } from '../common/cluster-file.ts';
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
}

/** Services with a port that others know by heart. */
const PORT_KEYS: Readonly<Record<string, string>> = {
  log: 'log.port',
  views: 'views.port',
  workflow: 'workflow.port',
  web: 'web.port',
};

/**
 * Starts services beside a running cluster, side by side, and adds them to its cluster.json and launch.json. Returns them with
 * their addresses. On a failure none of them is left running. Errors: those of a service's start.
 */
export async function launchServices(
  launch: ServiceLaunch,
  specs: readonly ServiceSpec[],
): Promise<{ processes: NodeProcess[]; addresses: Record<string, string> }> {
  const processes = specs.map(({ name }) => new NodeProcess(launch.directory, roleOf(name), name));
  try {
    const addresses: Record<string, string> = {};
    await Promise.all(
      specs.map(async (spec, i) => {
        const address = await serve(launch, spec, processes[i]!);
        if (address !== undefined) addresses[spec.name] = address;
      }),
    );
    return { processes, addresses };
  } catch (thrown) {
    await Promise.all(processes.map((process) => process.kill()));
    throw thrown;
  }
}

async function serve(
  launch: ServiceLaunch,
  { name, service }: ServiceSpec,
  process: NodeProcess,
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
  const ready = await process.serve(options, launch.timeoutMs ?? 60_000);
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
