import { join } from 'node:path';
import type { RoleOptions } from '../common/role.ts';

export type Role = 'namenode' | 'datanode' | 'executor' | 'driver' | ServiceRole;
/** The folder of a service's code; its name in cluster.json is the last part. */
export type ServiceRole = `services/${string}`;

/** One process of a cluster, with all it takes to start it again on the same ports and data. */
export interface ProcessRecord {
  readonly role: Role;
  readonly options: RoleOptions;
}

/** launch.json: how the processes of a directory were started, by name. */
export interface LaunchFile {
  readonly processes: Readonly<Record<string, ProcessRecord>>;
}

/** A Unix socket's path must fit into sockaddr_un. */
const SOCKET_PATH_BYTES_MAX = 107;

/** Where things are under a cluster's directory. */
export const layout = {
  clusterFile: (directory: string) => join(directory, 'cluster.json'),
  launchFile: (directory: string) => join(directory, 'launch.json'),
  logFile: (directory: string, name: string) => join(directory, 'logs', `${name}.log`),
  roleDirectory: (directory: string, name: string) => join(directory, name),
  /** '' where the path would be too long: then everything goes over TCP. */
  unixSocket: (directory: string, name: string) => {
    const path = join(directory, 'run', `${name}.sock`);
    return Buffer.byteLength(path) <= SOCKET_PATH_BYTES_MAX ? path : '';
  },
};

export const datanodeName = (index: number) => `dn${index}`;
export const executorName = (index: number) => `ex${index}`;
/** The executor beside a datanode: they share the number. */
export const executorOf = (datanode: string) => datanode.replace(/^dn/, 'ex');

/** The door of a service that others come to: cluster.json has one address a service. */
export function serviceAddress(
  role: Role,
  { addresses }: { readonly addresses: Readonly<Record<string, string>> },
): string | undefined {
  return role.startsWith('services/') ? Object.values(addresses)[0] : undefined;
}
