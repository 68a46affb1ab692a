import { setTimeout as sleep } from 'node:timers/promises';
import { type ClusterFile, readClusterFile } from '../common/cluster-file.ts';
import { sweepMemoryCaches } from '../common/memory-caches.ts';
import { QuarryError } from '../common/quarry-error.ts';
import {
  isAlive,
  type NamedProcess,
  processesOf,
  readLaunchFile,
  removeClusterFile,
  runningCluster,
  writeClusterFile,
} from './cluster-files.ts';
import { executorOf, type Role } from './layout.ts';
import { NodeProcess } from './node-process.ts';

/** How long a process may take to close its stores before it is killed. */
const STOP_TIMEOUT_MS = 8_000;
const START_TIMEOUT_MS = 30_000;
/** Users of a role end before it. */
const STOP_ORDER: readonly Role[] = ['driver', 'executor', 'datanode', 'namenode'];

/** Ends every process in order and removes cluster.json. Errors: CLUSTER_NOT_RUNNING. */
export async function stopCluster(directory: string): Promise<void> {
  const file = runningCluster(directory);
  if (file === undefined) {
    removeClusterFile(directory);
    throw new QuarryError('CLUSTER_NOT_RUNNING', `no cluster runs in ${directory}`);
  }
  for (const role of STOP_ORDER) {
    await Promise.all(
      processesOf(file)
        .filter((process) => process.role === role)
        .map((process) => end(process.pid)),
    );
  }
  // Killed executors could not clear theirs.
  await sweepMemoryCaches();
  removeClusterFile(directory);
}

/** Sends a signal to a node's processes: NODE is namenode, driver or a datanode's id, which stands for its executor too. Answers the pids. */
export function signalNode(
  directory: string,
  node: string,
  options: { role?: string | undefined; signal: NodeJS.Signals },
): number[] {
  const chosen = choose(readClusterFile(directory), node, options.role).filter(({ pid }) => isAlive(pid));
  if (chosen.length === 0) throw new QuarryError('CLUSTER_NOT_RUNNING', `no process of ${node} is alive`);
  for (const { pid } of chosen) process.kill(pid, options.signal);
  return chosen.map(({ pid }) => pid);
}

/** Ends a node's processes where they live and starts them again on the same data and ports. Answers the new cluster.json. */
export async function restartNode(directory: string, node: string, role?: string): Promise<ClusterFile> {
  const launch = readLaunchFile(directory);
  let file = readClusterFile(directory);
  const chosen = choose(file, node, role);
  await Promise.all(chosen.map(({ pid }) => end(pid)));
  for (const { name } of chosen) {
    const record = launch.processes[name];
    if (record === undefined) throw new QuarryError('INTERNAL', `launch.json does not know ${name}`);
    const started = new NodeProcess(directory, record.role, name);
    try {
      const ready = await started.serve(record.options, START_TIMEOUT_MS);
      file = withPid(file, name, ready.pid);
      writeClusterFile(directory, file);
    } catch (thrown) {
      await started.kill();
      throw thrown;
    }
    started.unref();
  }
  return file;
}

function choose(file: ClusterFile, node: string, role: string | undefined): NamedProcess[] {
  const names =
    role === 'executor' ? [executorOf(node)] : role === 'datanode' ? [node] : [node, executorOf(node)];
  const chosen = processesOf(file).filter(({ name }) => names.includes(name));
  if (chosen.length === 0 || (role !== undefined && role !== 'executor' && role !== 'datanode')) {
    const known = ['namenode', 'driver', ...file.datanodes.map(({ id }) => id)].join(', ');
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `no node ${node}${role === undefined ? '' : ` with role ${role}`}; there are ${known}`,
    );
  }
  return chosen;
}

function withPid(file: ClusterFile, name: string, pid: number): ClusterFile {
  const renew = <T extends { readonly id: string }>(nodes: readonly T[]) =>
    nodes.map((node) => (node.id === name ? { ...node, pid } : node));
  if (name === 'namenode') return { ...file, namenode: { ...file.namenode, pid } };
  if (name === 'driver') return { ...file, driver: { ...file.driver, pid } };
  return { ...file, datanodes: renew(file.datanodes), executors: renew(file.executors) };
}

async function end(pid: number): Promise<void> {
  if (!isAlive(pid)) return;
  process.kill(pid, 'SIGTERM');
  // A stopped process must run to see that it is asked to end.
  process.kill(pid, 'SIGCONT');
  const deadlineMs = performance.now() + STOP_TIMEOUT_MS;
  while (isAlive(pid)) {
    if (performance.now() > deadlineMs) process.kill(pid, 'SIGKILL');
    await sleep(20);
  }
}
