import { FileSystem } from '../client/fs/file-system.ts';
import { QuarrySession } from '../client/session.ts';
import { type ClusterFile, clusterDirectory, readClusterFile } from '../common/cluster-file.ts';
import { type Config, resolveConfig } from '../common/config.ts';
import { silentLog } from '../common/log.ts';
import { systemSeams } from '../common/seams/system.ts';
import { readLaunchFile } from '../cluster/cluster-files.ts';

/** The option that every command which needs a cluster takes. */
export const CLUSTER_OPTION = { cluster: { type: 'string' } } as const;

export interface NamedCluster {
  readonly directory: string;
  readonly file: ClusterFile;
  /** The settings that the cluster was started with, so that a client agrees with it on block sizes and the like. */
  readonly config: Config;
}

/** Errors: CLUSTER_NOT_RUNNING. */
export function namedCluster(named: string | undefined): NamedCluster {
  const directory = clusterDirectory(named);
  const file = readClusterFile(directory);
  const settings = readLaunchFile(directory).processes['namenode']?.options.settings ?? {};
  return { directory, file, config: resolveConfig(settings) };
}

/** Runs with a file system client that is closed afterwards. */
export async function withFileSystem<T>(
  named: string | undefined,
  run: (fs: FileSystem) => Promise<T>,
): Promise<T> {
  const { file, config, directory } = namedCluster(named);
  const fs = await FileSystem.connect({
    namenodeAddress: file.namenode.grpc,
    config,
    seams: systemSeams(directory, silentLog()),
  });
  try {
    return await run(fs);
  } finally {
    await fs.close();
  }
}

/** Runs with a session that is ended afterwards. */
export async function withSession<T>(
  named: string | undefined,
  run: (session: QuarrySession) => Promise<T>,
): Promise<T> {
  const session = await QuarrySession.connect({ cluster: clusterDirectory(named) });
  try {
    return await run(session);
  } finally {
    await session.stop();
  }
}
