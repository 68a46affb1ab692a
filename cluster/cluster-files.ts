import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { type ClusterFile, readClusterFile } from '../common/cluster-file.ts';
import { QuarryError } from '../common/quarry-error.ts';
import { type LaunchFile, layout } from './layout.ts';

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
  readonly role: 'namenode' | 'datanode' | 'executor' | 'driver';
  readonly pid: number;
}

export function processesOf(file: ClusterFile): NamedProcess[] {
  return [
    { name: 'namenode', role: 'namenode', pid: file.namenode.pid },
    ...file.datanodes.map(({ id, pid }) => ({ name: id, role: 'datanode' as const, pid })),
    ...file.executors.map(({ id, pid }) => ({ name: id, role: 'executor' as const, pid })),
    { name: 'driver', role: 'driver', pid: file.driver.pid },
  ];
}

/** True while the pid is a process of ours: a number that the system gave to another program since does not count. */
export function isAlive(pid: number): boolean {
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    // A zombie, whose parent has not looked yet, has an empty command line.
    return /dist\/(namenode|datanode|executor|driver)\/main\.js/.test(command);
  } catch (thrown) {
    if (['ENOENT', 'ESRCH'].includes((thrown as NodeJS.ErrnoException).code ?? '')) return false;
    throw thrown;
  }
}

/** A reader sees the old file or the new one, never half of one. */
function writeWhole(path: string, content: object): void {
  writeFileSync(`${path}.tmp`, `${JSON.stringify(content, null, 2)}\n`);
  renameSync(`${path}.tmp`, path);
}
