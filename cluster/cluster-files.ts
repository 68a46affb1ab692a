import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { type ClusterFile, readClusterFile } from '../common/cluster-file.ts';
import { QuarryError } from '../common/quarry-error.ts';
import { type LaunchFile, layout, type Role } from './layout.ts';

export function writeClusterFile(directory: string, file: ClusterFile): void {
  writeWhole(layout.clusterFile(directory), file);
}

export function removeClusterFile(directory: string): void {
  rmSync(layout.clusterFile(directory), { force: true });
}

export function writeLaunchFile(directory: string, file: LaunchFile): void {
  writeWhole(layout.launchFile(directory), file);
}

/** Errors: CLUSTER_NOT_RUNNING. */
export function readLaunchFile(directory: string): LaunchFile {
  const path = layout.launchFile(directory);
  if (!existsSync(path)) {
    throw new QuarryError('CLUSTER_NOT_RUNNING', `no cluster was started in ${directory}`);
  }
  return JSON.parse(readFileSync(path, 'utf8')) as LaunchFile;
}

/** The cluster of a directory when any of its processes lives; a cluster.json whose processes have all gone counts for nothing. */
export function runningCluster(directory: string): ClusterFile | undefined {
  if (!existsSync(layout.clusterFile(directory))) return undefined;
  const file = readClusterFile(directory);
  return processesOf(file).some((process) => isAlive(process.pid)) ? file : undefined;
}

export interface NamedProcess {
  readonly name: string;
  readonly role: Role;
  readonly pid: number;
}

export function processesOf(file: ClusterFile): NamedProcess[] {
  return [
    { name: 'namenode', role: 'namenode', pid: file.namenode.pid },
    ...file.datanodes.map(({ id, pid }) => ({ name: id, role: 'datanode' as const, pid })),
    ...file.executors.map(({ id, pid }) => ({ name: id, role: 'executor' as const, pid })),
    { name: 'driver', role: 'driver', pid: file.driver.pid },
    ...(file.services ?? []).map(({ name, pid }) => ({ name, role: `services/${name}` as const, pid })),
  ];
}

/** True while the pid is a process of ours: a number that the system gave to another program since does not count. */
export function isAlive(pid: number): boolean {
  return /dist\/(namenode|datanode|executor|driver|services\/[a-z-]+)\/main\.js/.test(commandLine(pid));
}

/** Empty for a pid that is nobody's, and for a zombie, whose parent has not looked yet. */
function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch (thrown) {
    if (['ENOENT', 'ESRCH'].includes((thrown as NodeJS.ErrnoException).code ?? '')) return '';
    throw thrown;
  }
}

/** True while the pid is a launcher that supervises: a `quarry cluster start`, or the pipeline. */
export function isSupervisor(pid: number | undefined): boolean {
  return (
    pid !== undefined && /\b(cluster\0start|pipeline\/main\.js|first-light\.js)\b/.test(commandLine(pid))
  );
}

/** Replaces the pid of a process that was started again, and a service's address. */
export function renewed(
  file: ClusterFile,
  name: string,
  { pid, address }: { pid: number; address?: string | undefined },
): ClusterFile {
  const renew = <T extends { readonly id: string }>(nodes: readonly T[]) =>
    nodes.map((node) => (node.id === name ? { ...node, pid } : node));
  if (name === 'namenode') return { ...file, namenode: { ...file.namenode, pid } };
  if (name === 'driver') return { ...file, driver: { ...file.driver, pid } };
  const services = file.services?.map((service) =>
    service.name === name ? { ...service, pid, ...(address === undefined ? {} : { address }) } : service,
  );
  return {
    ...file,
    datanodes: renew(file.datanodes),
    executors: renew(file.executors),
    ...(services === undefined ? {} : { services }),
  };
}

/** A reader sees the old file or the new one, never half of one. */
function writeWhole(path: string, content: object): void {
  writeFileSync(`${path}.tmp`, `${JSON.stringify(content, null, 2)}\n`);
  renameSync(`${path}.tmp`, path);
}
