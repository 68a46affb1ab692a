import { FileSystem } from '../../client/fs/file-system.ts';
import { json, notFound, serveHttp } from '../../common/http-door.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { StartRole } from '../../common/role.ts';
import { ApplicationSupervisor } from './application-supervisor.ts';

/** Runs what `quarry submit --supervise` has left in the cluster. Told by `service`: `cluster`, the directory of cluster.json. */
export const start: StartRole = async (options, config, seams) => {
  const cluster = options.service?.['cluster'];
  if (cluster === undefined) throw new QuarryError('INVALID_ARGUMENT', 'applications needs cluster');
  const fs = await FileSystem.connect({ namenodeAddress: options.namenodeAddress, config, seams });
  const supervisor = new ApplicationSupervisor(fs, { directory: options.directory, cluster }, seams.log);
  const running = supervisor.run();
  const http = await serveHttp(config['bind.host'], 0, (path) =>
    path === '/status' ? json({ running: supervisor.running }) : notFound('GET /status'),
  );
  return {
    addresses: { http: http.address },
    close: async () => {
      await supervisor.close();
      await running;
      await http.close();
      await fs.close();
    },
  };
};
