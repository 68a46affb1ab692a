import { mkdtemp } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../common/package-root.ts';
import { QuarryTables } from '../../sinks/quarry/quarry-tables.ts';
import { QuarryView } from '../../sinks/quarry/quarry-view.ts';
import { describeKeyValueView } from '../conformance/sinks/key-value-view.suite.ts';
import { describeTableStore } from '../conformance/sinks/table-store.suite.ts';
import { ChildService, freePort } from '../services/child-service.ts';

/** services/views as a process, which kill -9 ends. */
async function startViewsProcess() {
  const directory = await mkdtemp(join(tmpdir(), 'quarry-views-'));
  const port = await freePort();
  const options = {
    name: 'views',
    directory,
    settings: { 'views.port': String(port), 'log.level': 'error' },
    namenodeAddress: '',
    driverAddress: '',
    node: '',
    unixSocket: '',
  };
  const main = join(packageRoot, 'dist/services/views/main.js');
  const service = new ChildService({
    command: process.execPath,
    args: [main, JSON.stringify(options)],
    install: 'npm run build',
    isReady: () => listens(port),
    directory,
  });
  const start = () => service.start();
  await start();
  return {
    address: `127.0.0.1:${port}`,
    start,
    kill: () => service.kill(),
    restart: async () => {
      await service.kill();
      await start();
    },
    dispose: () => service.stop(),
  };
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const answer = (isThere: boolean) => {
      socket.destroy();
      resolve(isThere);
    };
    socket.once('connect', () => answer(true));
    socket.once('error', () => answer(false));
  });
}

describeKeyValueView('a process of services/views', async () => {
  const { address, dispose, ...life } = await startViewsProcess();
  const view = new QuarryView(address);
  return {
    view,
    ...life,
    async dispose() {
      await view.close();
      await dispose();
    },
  };
});

describeTableStore('a process of services/views', async () => {
  const { address, dispose, ...life } = await startViewsProcess();
  const tables = new QuarryTables(address, 'quarry');
  return {
    tables,
    ...life,
    leftovers: async () => {
      const rows = await tables.query(
        "SELECT table_name FROM duckdb_tables() WHERE table_name LIKE 'quarry_staging%'",
      );
      return rows.map((row) => String(row['table_name']));
    },
    async dispose() {
      await tables.close();
      await dispose();
    },
  };
});
