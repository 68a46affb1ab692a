import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RoleMessage, RoleOptions } from '../../common/role.ts';
import { packageRoot } from '../../common/package-root.ts';
import { logSuite } from '../conformance/log/log-suite.ts';

/** The service as it is started by the launcher, from its sources. */
async function startService(directory: string, port: string): Promise<{ child: ChildProcess; url: string }> {
  const options: RoleOptions = {
    name: 'log',
    directory,
    settings: { 'log.port': port, 'log.level': 'error' },
    namenodeAddress: '',
    driverAddress: '',
    node: '',
    unixSocket: '',
  };
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', join(packageRoot, 'services/log/main.ts'), JSON.stringify(options)],
    { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], cwd: packageRoot },
  );
  const [message] = (await once(child, 'message')) as [RoleMessage];
  if (message.kind === 'failed') throw new Error(`${message.error.code}: ${message.error.message}`);
  return { child, url: `quarry-log://${message.addresses['log']!}` };
}

logSuite('embedded, as a process that is killed', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'quarry-log-'));
  let { child, url } = await startService(directory, '0');
  const port = url.slice(url.lastIndexOf(':') + 1);
  const endWithUs = () => child.kill('SIGKILL');
  process.once('exit', endWithUs);
  const down = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  };
  const restore = async () => {
    ({ child, url } = await startService(directory, port));
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
      process.off('exit', endWithUs);
      await rm(directory, { recursive: true, force: true });
    },
  };
});
