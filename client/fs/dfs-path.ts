import type { Config } from '../../common/config.ts';
import { normalisePath } from '../../common/path.ts';
import { QuarryError } from '../../common/quarry-error.ts';

const URI = /^([a-zA-Z][a-zA-Z0-9+.-]*):\/\/([^/]*)(.*)$/s;

/**
 * The cluster's own path that `path` names: `/a`, `hdfs:///a` or `hdfs://AUTHORITY/a`.
 * Errors: INVALID_PATH, also for an authority that is not this cluster's; UNSUPPORTED for another scheme.
 */
export function dfsPath(path: string, namenodeAddress: string, config: Config): string {
  const uri = URI.exec(path);
  if (uri === null) return normalisePath(path);
  const [, scheme, authority, rest] = uri as unknown as [string, string, string, string];
  if (scheme.toLowerCase() !== 'hdfs') {
    throw new QuarryError('UNSUPPORTED', `${path} is not a path of the cluster: give /path or hdfs://...`);
  }
  const accepted = authorities(namenodeAddress, config);
  if (authority !== '' && !accepted.includes(authority)) {
    throw new QuarryError(
      'INVALID_PATH',
      `hdfs://${authority} is not this cluster: it answers to ${accepted.join(', ')}`,
      {
        details: { path },
      },
    );
  }
  return normalisePath(rest === '' ? '/' : rest);
}

function authorities(namenodeAddress: string, config: Config): string[] {
  const at = namenodeAddress.lastIndexOf(':');
  const host = namenodeAddress.slice(0, at);
  const ports = [namenodeAddress.slice(at + 1), String(config['namenode.hdfsPort'])];
  const hosts = [...new Set([host, 'localhost'])];
  const named = hosts.flatMap((name) => [name, ...ports.map((port) => `${name}:${port}`)]);
  return [...new Set([...named, ...config['namenode.aliases']])];
}
