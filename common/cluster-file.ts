import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { QuarryError } from './quarry-error.ts';

export interface ServiceEntry {
  readonly name: string;
  readonly pid: number;
  /** host:port of its door, where it has one. */
  readonly address?: string;
}

/** cluster.json: what runs and where it is reached. Written when everything is up, removed on stop; only doors that are served. */
export interface ClusterFile {
  readonly clusterId: string;
  readonly namenode: {
    readonly pid: number;
    readonly hdfs?: string;
    readonly grpc: string;
    readonly http?: string;
  };
  readonly datanodes: readonly {
    readonly id: string;
    readonly pid: number;
    readonly data: string;
    readonly http?: string;
  }[];
  readonly executors: readonly { readonly id: string; readonly node: string; readonly pid: number }[];
  readonly driver: { readonly pid: number; readonly connect: string; readonly http?: string };
  /** Of a pipeline: log, views, agent, landing, workflow, web. */
  readonly services?: readonly ServiceEntry[];
  /** What starts killed processes again (--supervise), and ends them all when it is asked to end. */
  readonly supervisor?: { readonly pid: number };
}

/** The cluster's directory: what `--cluster` or QUARRY_CLUSTER say, else ~/.quarry. */
export function clusterDirectory(named: string | undefined): string {
  return named ?? process.env['QUARRY_CLUSTER'] ?? join(homedir(), '.quarry');
}

/** Errors: CLUSTER_NOT_RUNNING. */
export function readClusterFile(directory: string): ClusterFile {
  try {
    return JSON.parse(readFileSync(join(directory, 'cluster.json'), 'utf8')) as ClusterFile;
  } catch (cause) {
    throw new QuarryError(
      'CLUSTER_NOT_RUNNING',
      `no cluster runs in ${directory}: start one with quarry cluster start --dir ${directory}`,
      {
        cause,
      },
    );
  }
}
