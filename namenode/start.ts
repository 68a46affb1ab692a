import { userInfo } from 'node:os';
import { QuarryError } from '../common/quarry-error.ts';
import type { StartRole } from '../common/role.ts';
import { serveHttp } from './doors/http-door.ts';
import { startNamenode } from './namenode-server.ts';

const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost']);

/** The namenode as a process: its gRPC door, and the HTTP door beside it. Errors: those of `startNamenode`, INVALID_ARGUMENT for a bind address that is not loopback. */
export const start: StartRole = async (_, config, seams) => {
  const host = config['bind.host'];
  checkBindHost(host);
  const address = `${host}:${config['namenode.grpcPort']}`;
  const namenode = await startNamenode({ address, user: userInfo().username }, config, seams);
  const port = config['namenode.httpPort'];
  const door = await serveHttp(namenode.shell, seams.clock, { host, port }).catch(async (thrown: unknown) => {
    await namenode.close();
    throw thrown;
  });
  return {
    addresses: { ...namenode.addresses, http: door.address },
    ...(namenode.facts ? { facts: namenode.facts } : {}),
    async close() {
      await door.close();
      await namenode.close();
    },
  };
};

/** Errors: INVALID_ARGUMENT. */
export function checkBindHost(host: string): void {
  if (LOOPBACK.has(host)) return;
  throw new QuarryError(
    'INVALID_ARGUMENT',
    `bind.host=${host} would open the cluster to the network without any authentication: keep 127.0.0.1 until TLS and join tokens can be configured`,
  );
}
