import { resolve } from 'node:path';
import { clusterDirectory, readClusterFile } from '../../common/cluster-file.ts';
import { hasCode, QuarryError } from '../../common/quarry-error.ts';

export interface SubmitTarget {
  /** sc://host:port, perhaps with parameters. */
  readonly connect: string;
  /** The cluster's directory, where it is known. */
  readonly directory: string | undefined;
  /** Where the driver shows its jobs. */
  readonly web: string | undefined;
  /** Why this cluster, when the master does not name it. */
  readonly note: string | undefined;
}

/**
 * Which cluster `--master` means: `sc://HOST:PORT` a driver's Spark Connect door, `quarry://DIR` the cluster in a directory. Any other master
 * (yarn, spark://..., local[*], k8s://...) is some other system's: the cluster is what `named` (--cluster) or QUARRY_CLUSTER say, else ~/.quarry.
 * Errors: CLUSTER_NOT_RUNNING.
 */
export function submitTarget(master: string | undefined, named: string | undefined): SubmitTarget {
  if (master?.startsWith('sc://')) return atUrl(master);
  if (master?.startsWith('quarry://')) return inDirectory(resolve(master.slice('quarry://'.length)));
  const cluster = clusterDirectory(named);
  if (cluster.startsWith('sc://')) return { ...atUrl(cluster), note: instead(master, cluster) };
  try {
    return { ...inDirectory(cluster), note: instead(master, cluster) };
  } catch (thrown) {
    if (master === undefined || !hasCode(thrown, 'CLUSTER_NOT_RUNNING')) throw thrown;
    throw new QuarryError(
      'CLUSTER_NOT_RUNNING',
      `--master ${master} names no Quarry cluster, and none runs in ${cluster}: set QUARRY_CLUSTER to a cluster's directory, or say --master quarry://DIR or sc://HOST:PORT`,
      { cause: thrown },
    );
  }
}

const atUrl = (connect: string): SubmitTarget => ({
  connect,
  directory: undefined,
  web: undefined,
  note: undefined,
});

function inDirectory(directory: string): SubmitTarget {
  const { driver } = readClusterFile(directory);
  return { connect: driver.connect, directory, web: driver.http, note: undefined };
}

function instead(master: string | undefined, cluster: string): string | undefined {
  return master === undefined ? undefined : `master ${master} stands for the cluster ${cluster}`;
}
