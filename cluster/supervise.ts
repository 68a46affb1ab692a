import { readClusterFile } from '../common/cluster-file.ts';
import { writeClusterFile } from './cluster-files.ts';
import { stopProcesses } from './control.ts';
import type { LaunchedCluster } from './launch.ts';
import { launchServices, type ServiceLaunch, type ServiceSpec } from './launch-services.ts';
import { Supervisor } from './supervisor.ts';

export interface SupervisedCluster {
  /** Starts services and watches them too. Answers their addresses by name. */
  startServices(specs: readonly ServiceSpec[]): Promise<Record<string, string>>;
  /** Ends everything, in order. */
  stop(): Promise<void>;
}

/** Watches a cluster from this process, which must live on; also runs what `quarry submit --supervise` has left in it. */
export async function supervise(
  cluster: LaunchedCluster,
  launch: ServiceLaunch,
  say: (line: string) => void,
): Promise<SupervisedCluster> {
  const { directory } = cluster;
  const supervisor = new Supervisor(launch, say);
  const stopped = new AbortController();
  /** What is being started is in no file yet. */
  let starting: Promise<unknown> = Promise.resolve();
  for (const process of cluster.processes) supervisor.watch(process);
  const stop = async () => {
    stopped.abort();
    await Promise.all([supervisor.release(), starting]);
    await stopProcesses(directory, readClusterFile(directory));
  };
  const startServices = async (specs: readonly ServiceSpec[]) => {
    const start = launchServices({ ...launch, signal: anyOf(stopped.signal, launch.signal) }, specs);
    starting = Promise.allSettled([starting, start]);
    const { processes, addresses } = await start;
    for (const process of processes) supervisor.watch(process);
    return addresses;
  };
  try {
    await startServices([{ name: 'applications', service: { cluster: directory } }]);
  } catch (thrown) {
    await stop();
    throw thrown;
  }
  writeClusterFile(directory, { ...readClusterFile(directory), supervisor: { pid: process.pid } });
  return { startServices, stop };
}

function anyOf(own: AbortSignal, other: AbortSignal | undefined): AbortSignal {
  return other === undefined ? own : AbortSignal.any([own, other]);
}
