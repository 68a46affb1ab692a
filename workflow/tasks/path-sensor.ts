import { tmpdir } from 'node:os';
import { isGlob } from '../../client/fs/glob.ts';
import { FileSystem } from '../../client/fs/file-system.ts';
import { clusterDirectory, readClusterFile } from '../../common/cluster-file.ts';
import { resolveConfig } from '../../common/config.ts';
import { silentLog } from '../../common/log.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import { systemSeams } from '../../common/seams/system.ts';
import type { PathSensor } from '../core/dag-model.ts';

/** A cluster that is down or starting has no files yet: the sensor goes on waiting. */
export function lookForPath({ path }: PathSensor): () => Promise<boolean> {
  console.log(`waiting for ${path}`);
  return async () => {
    try {
      return await isThere(path);
    } catch (thrown) {
      const error = QuarryError.from(thrown);
      if (error.reaction !== 'retry' && error.code !== 'CLUSTER_NOT_RUNNING') throw thrown;
      console.log(`${error.code}: ${error.message}`);
      return false;
    }
  };
}

async function isThere(path: string): Promise<boolean> {
  // Read anew each time: a cluster that was started again has other ports.
  const { namenode } = readClusterFile(clusterDirectory(undefined));
  const seams = systemSeams(tmpdir(), silentLog());
  const fs = await FileSystem.connect({ namenodeAddress: namenode.grpc, config: resolveConfig(), seams });
  try {
    return isGlob(path) ? (await fs.glob(path)).length > 0 : await fs.exists(path);
  } finally {
    await fs.close();
    await seams.rpc.client.close();
  }
}
