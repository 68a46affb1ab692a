import { userInfo } from 'node:os';
import type { StartRole } from '../common/role.ts';
import { serveHttp } from './doors/http-door.ts';
import { startNamenode } from './start-namenode.ts';

/** The namenode as a process: its gRPC door, and the HTTP door beside it. */
export const start: StartRole = async (options, config, seams) => {
  const namenode = await startNamenode({ name: options.name, superuser: userInfo().username }, config, seams);
  const door = await serveHttp(namenode.server, seams.clock, {
    host: config['bind.host'],
    port: config['namenode.httpPort'],
  }).catch(async (thrown: unknown) => {
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
