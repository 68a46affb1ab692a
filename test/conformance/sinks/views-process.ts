import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { resolveConfig } from '../../../common/config.ts';
import { silentLog } from '../../../common/log.ts';
import type { RunningRole } from '../../../common/role.ts';
import { systemSeams } from '../../../common/seams/system.ts';
import { start } from '../../../services/views/start.ts';

/** services/views in the test's own process, on a directory of its own and always the same port. */
export async function startViews() {
  const directory = await mkdtemp(join(tmpdir(), 'quarry-views-'));
  let port = '0';
  let running: RunningRole | undefined;
  const views = {
    directory,
    address: '',
    async start() {
      const options = {
        name: 'views',
        directory,
        settings: {},
        namenodeAddress: '',
        driverAddress: '',
        node: '',
        unixSocket: '',
      };
      running = await start(
        options,
        resolveConfig({ 'views.port': port }),
        systemSeams(directory, silentLog()),
      );
      views.address = running.addresses['views']!;
      port = views.address.slice(views.address.lastIndexOf(':') + 1);
    },
    async end() {
      await running?.close();
      running = undefined;
    },
    async dispose() {
      await views.end();
      await rm(directory, { recursive: true, force: true });
    },
  };
  await views.start();
  return views;
}
