import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { resolveConfig } from '../../../common/config.ts';
import { silentLog } from '../../../common/log.ts';
import type { RoleOptions, RunningRole } from '../../../common/role.ts';
import { systemSeams } from '../../../common/seams/system.ts';
import { start } from '../../../services/log/start.ts';
import { logSuite } from './log-suite.ts';

logSuite('embedded, in process', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'quarry-log-'));
  const seams = systemSeams(directory, silentLog());
  let running: RunningRole | undefined = await run('0');
  const url = `quarry-log://${running.addresses['log']!}`;
  const port = url.slice(url.lastIndexOf(':') + 1);
  function run(onPort: string): Promise<RunningRole> {
    return start({} as RoleOptions, resolveConfig({ 'log.port': onPort }), seams);
  }
  const down = async () => {
    await running?.close();
    running = undefined;
  };
  const restore = async () => {
    running = await run(port);
  };
  return {
    url,
    down,
    restore,
    async crash() {
      await down();
      await restore();
    },
    async stop() {
      await down();
      await rm(directory, { recursive: true, force: true });
    },
  };
});
