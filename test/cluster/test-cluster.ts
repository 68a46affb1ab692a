import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAlive, processesOf } from '../../cluster/cluster-files.ts';
import { restartNode, signalNode, stopCluster } from '../../cluster/control.ts';
import { launchCluster } from '../../cluster/launch.ts';
import { type ClusterFile, readClusterFile } from '../../common/cluster-file.ts';
import { packageRoot } from '../../common/package-root.ts';

export interface TestCluster {
  readonly directory: string;
  /** cluster.json as it is now. */
  file(): ClusterFile;
  signal(node: string, options: { role?: 'datanode' | 'executor'; signal: NodeJS.Signals }): number[];
  restart(node: string, role?: 'datanode' | 'executor'): Promise<ClusterFile>;
  /** Ends every process and removes the directory; also after a failure. */
  stop(): Promise<void>;
}

/** A cluster of real processes on free ports in a directory of its own. */
export async function startTestCluster(
  options: { nodes?: number; settings?: Record<string, string> } = {},
): Promise<TestCluster> {
  if (!existsSync(join(packageRoot, 'dist/namenode/main.js'))) throw new Error('not built: npm run build');
  const directory = await mkdtemp(join(tmpdir(), 'quarry-test-'));
  const endAll = () => {
    for (const { pid } of processesOf(readClusterFile(directory)))
      if (isAlive(pid)) process.kill(pid, 'SIGKILL');
  };
  await launchCluster({
    directory,
    nodes: options.nodes ?? 3,
    ports: 'auto',
    settings: options.settings ?? {},
  }).catch(async (thrown: unknown) => {
    await rm(directory, { recursive: true, force: true });
    throw thrown;
  });
  // A test run that is itself cut short leaves no processes either.
  process.once('exit', endAll);
  return {
    directory,
    file: () => readClusterFile(directory),
    signal: (node, choice) => signalNode(directory, node, choice),
    restart: (node, role) => restartNode(directory, node, role),
    async stop() {
      process.off('exit', endAll);
      await stopCluster(directory);
      await rm(directory, { recursive: true, force: true });
    },
  };
}
