import { statSync } from 'node:fs';
import { clusterDirectory, readClusterFile } from '../../common/cluster-file.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import { withRunKey } from '../../common/spark-remote.ts';

/** Where a session speaks to: a Spark Connect server and, when it is known, the namenode of the same cluster. */
export interface ConnectTarget {
  /** host:port of the Spark Connect door. */
  readonly connect: string;
  /** host:port of the namenode's gRPC door. */
  readonly namenode: string | undefined;
  readonly userId: string;
  /** Parameters of the sc:// URL, such as session_id. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** Spark's own default port. */
const CONNECT_PORT = 15_002;

/**
 * `cluster` is a cluster's directory or an sc:// URL; without it QUARRY_CLUSTER decides, then ~/.quarry.
 * Errors: CLUSTER_NOT_RUNNING, INVALID_ARGUMENT for a malformed URL.
 */
export function resolveTarget(cluster: string | undefined, namenode: string | undefined): ConnectTarget {
  const named = clusterDirectory(cluster);
  if (named.startsWith('sc://')) return { ...parseConnectUrl(withRunKey(named)), namenode };
  if (cluster !== undefined && !isDirectory(named)) {
    throw new QuarryError(
      'CLUSTER_NOT_RUNNING',
      `${named} is neither a cluster's directory nor an sc:// URL: pass the --dir of quarry cluster start`,
    );
  }
  const file = readClusterFile(named);
  return {
    ...parseConnectUrl(withRunKey(file.driver.connect)),
    namenode: namenode ?? file.namenode.grpc,
  };
}

/** `sc://host[:port][/;key=value;...]`, as Spark's clients take it. */
export function parseConnectUrl(url: string): Omit<ConnectTarget, 'namenode'> {
  const match = /^sc:\/\/(\[[^\]]+\]|[^:/;]+)(?::(\d+))?(?:\/(?:;(.*))?)?$/.exec(url);
  if (match === null) {
    throw new QuarryError('INVALID_ARGUMENT', `${url} is not an sc://host:port[/;key=value] URL`);
  }
  const parameters = Object.fromEntries(
    (match[3] ?? '')
      .split(';')
      .filter((pair) => pair !== '')
      .map((pair) => {
        const at = pair.indexOf('=');
        if (at < 1) throw new QuarryError('INVALID_ARGUMENT', `${url}: ${pair} is not key=value`);
        return [pair.slice(0, at), decodeURIComponent(pair.slice(at + 1))];
      }),
  );
  if (parameters['use_ssl'] === 'true' || parameters['token'] !== undefined) {
    throw new QuarryError(
      'UNSUPPORTED',
      'TLS and tokens in an sc:// URL are not supported yet: reach the server through a tunnel',
    );
  }
  return {
    connect: `${match[1]}:${match[2] ?? CONNECT_PORT}`,
    userId: parameters['user_id'] ?? process.env['USER'] ?? 'quarry',
    parameters,
  };
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
