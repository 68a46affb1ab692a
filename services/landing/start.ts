import { join } from 'node:path';
import { FileSystem } from '../../client/fs/file-system.ts';
import { json, notFound, serveHttp } from '../../common/http-door.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { StartRole } from '../../common/role.ts';
import { openLog } from '../../log/open-log.ts';
import { readLandingOptions } from './landing-options.ts';
import { Landing } from './landing.ts';

/** The raw landing as a process. Told by `service` what `readLandingOptions` reads. Serves GET /status. */
export const start: StartRole = async (options, config, seams) => {
  const landingOptions = readLandingOptions(options.service ?? {});
  const fs = await FileSystem.connect({ namenodeAddress: options.namenodeAddress, config, seams });
  const log = await openLog(landingOptions.log, { clientId: `quarry-landing-${landingOptions.name}` });
  const stageDirectory = join(options.directory, 'stage');
  const landing = new Landing(landingOptions, { fs, source: log.source, logger: seams.log, stageDirectory });
  const http = await serveHttp(config['bind.host'], 0, (path) =>
    path === '/status' ? json(landing.status) : notFound('GET /status'),
  );
  const running = landing.run().catch((thrown: unknown) => {
    // Nothing that waiting mends: the launcher starts the landing again, or a person reads why.
    seams.log.fatal({ err: QuarryError.from(thrown) }, 'landing.failed');
    process.exit(1);
  });
  return {
    addresses: { http: http.address },
    close: async () => {
      landing.stop();
      await running;
      await http.close();
      await log.close();
      await fs.close();
    },
  };
};
