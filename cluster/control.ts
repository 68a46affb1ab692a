import { setTimeout as sleep } from 'node:timers/promises';
import { type ClusterFile, readClusterFile } from '../common/cluster-file.ts';
import { sweepMemoryCaches } from '../common/memory-caches.ts';
import { QuarryError } from '../common/quarry-error.ts';
import {
  isAlive,
  isSupervisor,
  type NamedProcess,
  processesOf,
  readLaunchFile,
  removeClusterFile,
  renewed,
  runningCluster,
  writeClusterFile,
} from './cluster-files.ts';
import { executorOf, type Role, serviceAddress } from './layout.ts';
import { NodeProcess } from './node-process.ts';
import { endPrograms } from './program-processes.ts';

/** How long a process may take to close its stores before it is killed. */
const STOP_TIMEOUT_MS = 8_000;
const START_TIMEOUT_MS = 30_000;
/** Users of a role end before it. */
const STOP_ORDER: readonly Role[] = [
  'services/web',
  'services/workflow',
  'services/applications',
  'services/agent',
  'services/landing',
  'driver',
  'executor',
  'services/views',
  'services/log',
  'datanode',
  'namenode',
];

/** Ends every process in order and removes cluster.json. Errors: CLUSTER_NOT_RUNNING. */
export async function stopCluster(directory: string): Promise<void> {
  const file = runningCluster(directory);
  if (file === undefined) {
    removeClusterFile(directory);
    throw new QuarryError('CLUSTER_NOT_RUNNING', `no cluster runs in ${directory}`);
  }
  if (isSupervisor(file.supervisor?.pid)) {
    await endSupervisor(file.supervisor!.pid);
    return;
  }
  await stopProcesses(directory, file);
}

/** Ends the processes themselves, whoever watches them. */
export async function stopProcesses(directory: string, file: ClusterFile): Promise<void> {
  for (const role of STOP_ORDER) {
    await Promise.all(
      processesOf(file)
        .filter((process) => process.role === role)
        .map((process) => end(process.pid)),
    );
    // Nobody begins more of them, and they still have their cluster to say good-bye to.
    if (role === 'services/applications') await endPrograms(directory);
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

/** It stops the cluster on SIGTERM; a supervisor that was killed leaves that to the caller. */
async function endSupervisor(pid: number): Promise<void> {
  process.kill(pid, 'SIGTERM');
  while (isSupervisor(pid)) await sleep(20);
}

/** Ends a node's processes where they live and starts them again on the same data and ports. Answers the new cluster.json. */
export async function restartNode(directory: string, node: string, role?: string): Promise<ClusterFile> {
  const launch = readLaunchFile(directory);
  let file = readClusterFile(directory);
  const chosen = choose(file, node, role);
  await Promise.all(chosen.map(({ pid }) => end(pid)));
  if (isSupervisor(file.supervisor?.pid)) return awaitRestart(directory, chosen);
  for (const { name } of chosen) {
    const record = launch.processes[name];
    if (record === undefined) throw new QuarryError('INTERNAL', `launch.json does not know ${name}`);
    const started = new NodeProcess(directory, record.role, name);
    try {
      const ready = await started.serve(record.options, START_TIMEOUT_MS);
      file = renewed(file, name, { pid: ready.pid, address: serviceAddress(record.role, ready) });
      writeClusterFile(directory, file);
    } catch (thrown) {
      await started.kill();
      throw thrown;
    }
    started.unref();
  }
  return file;
}

/** The supervisor starts what has ended; cluster.json has the new pids when they serve. */
async function awaitRestart(directory: string, ended: readonly NamedProcess[]): Promise<ClusterFile> {
  const deadlineMs = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    const file = readClusterFile(directory);
    const now = processesOf(file);
    const isBack = (before: NamedProcess) =>
      now.some(({ name, pid }) => name === before.name && pid !== before.pid && isAlive(pid));
    if (ended.every(isBack)) return file;
    if (performance.now() > deadlineMs) {
      throw new QuarryError(
        'INTERNAL',
        `${ended.map(({ name }) => name).join(', ')} did not come back: see the logs in ${directory}`,
      );
    }
    await sleep(50);
  }
}

function choose(file: ClusterFile, node: string, role: string | undefined): NamedProcess[] {
  const names =
    role === 'executor' ? [executorOf(node)] : role === 'datanode' ? [node] : [node, executorOf(node)];
  const chosen = processesOf(file).filter(({ name }) => names.includes(name));
  if (chosen.length === 0 || (role !== undefined && role !== 'executor' && role !== 'datanode')) {
    const known = [
      'namenode',
      'driver',
      ...file.datanodes.map(({ id }) => id),
      ...(file.services ?? []).map(({ name }) => name),
    ].join(', ');
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `no node ${node}${role === undefined ? '' : ` with role ${role}`}; there are ${known}`,
    );
  }
  return chosen;
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
