import type { StartRole } from '../../common/role.ts';
import { serveLog } from './log-door.ts';
import { LogService } from './log-service.ts';
import { openLogStore } from './open-store.ts';
import { Upkeep } from './upkeep.ts';

/** The embedded log as a process. Address: `log`, quarry-log://HOST:PORT. Errors: those of `openLogStore`, METADATA_DAMAGED, PORT_IN_USE. */
export const start: StartRole = async (_, config, seams) => {
  const { store, logId } = await openLogStore(seams.disk, seams.random, config['log.writeBufferBytes']);
  const service = await LogService.open(store, seams).catch(async (thrown: unknown) => {
    await store.close();
    throw thrown;
  });
  try {
    const door = await serveLog(seams.net, `${config['bind.host']}:${config['log.port']}`, service);
    const upkeep = new Upkeep(service, config, seams);
    upkeep.start();
    return {
      addresses: { log: door.address },
      facts: { logId },
      async close() {
        await door.close();
        await upkeep.close();
        await service.close();
      },
    };
  } catch (thrown) {
    await service.close();
    throw thrown;
  }
};
