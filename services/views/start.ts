import { join } from 'node:path';
import { mkdir } from 'node:fs/promises';
import type { StartRole } from '../../common/role.ts';
import { Tables } from './tables.ts';
import { ViewStore } from './view-store.ts';
import { serveViews } from './views-door.ts';

/** Views and tables as a process. Address `views`. Errors: PORT_IN_USE, STORAGE_IN_USE. */
export const start: StartRole = async (options, config, seams) => {
  const directory = join(options.directory, 'tables');
  await mkdir(directory, { recursive: true });
  const store = await seams.disk.openStore('views', { createIfMissing: true });
  const views = new ViewStore(store.db, seams.clock);
  const tables = new Tables({
    directory,
    clock: seams.clock,
    memoryLimitBytes: config['views.memoryLimitBytes'],
  });
  const server = seams.rpc.createServer();
  serveViews(server, views, tables);
  const close = async () => {
    await server.close();
    await tables.close();
    await store.close();
  };
  try {
    const address = await server.listen(`${config['bind.host']}:${config['views.port']}`);
    return { addresses: { views: address }, close };
  } catch (thrown) {
    await close();
    throw thrown;
  }
};
