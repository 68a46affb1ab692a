// Loaded while the process waits for its options, not when it opens its store.
import 'classic-level';
import { userInfo } from 'node:os';
import type { StartRole } from '../common/role.ts';
import { serveStatus } from './doors/http-door.ts';
import { startNamenode } from './namenode-server.ts';

/** The namenode as a process: its gRPC door, and the HTTP door beside it. Errors: those of `startNamenode`. */
export const start: StartRole = async (_, config, seams) => {
  const host = config['bind.host'];
  const address = `${host}:${config['namenode.grpcPort']}`;
  const namenode = await startNamenode({ address, user: userInfo().username }, config, seams);
  const port = config['namenode.httpPort'];
  const door = await serveStatus(namenode.shell, seams.clock, { host, port }).catch(
    async (thrown: unknown) => {
      await namenode.close();
      throw thrown;
    },
  );
  return {
    addresses: { ...namenode.addresses, http: door.address },
    ...(namenode.facts ? { facts: namenode.facts } : {}),
    async close() {
      await door.close();
      await namenode.close();
    },
  };
};
