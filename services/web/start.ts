import { basename, join } from 'node:path';
import { packageRoot } from '../../common/package-root.ts';
import type { StartRole } from '../../common/role.ts';
import type { Log } from '../../log/log.ts';
import { openLog } from '../../log/open-log.ts';
import type { KeyValueView } from '../../sinks/key-value-view.ts';
import { openTables } from '../../sinks/open-tables.ts';
import { openView } from '../../sinks/open-view.ts';
import type { TableStore } from '../../sinks/table-store.ts';
import { Addresses, Reopened } from './addresses.ts';
import { askPart } from './ask-part.ts';
import { BatchView } from './batch-view.ts';
import { Clicks } from './clicks.ts';
import { type Check, health } from './health.ts';
import { LiveFeed } from './live-feed.ts';
import { readPageFiles } from './page-files.ts';
import { SpeedView } from './speed-view.ts';
import { clickRange, WebApi } from './web-api.ts';
import { serveWeb } from './web-door.ts';

const LOG_TIMEOUT_MS = 3_000;

/**
 * The serving layer and its page. `service`: `view` (URL of the views) with `viewName` (clicks), `tables` (JDBC URL) with
 * `tablesUser` and `tablesPassword`, `driver`, `namenode` and `workflow` (HTTP URLs), `log` (URL) with `topic` (clicks), `clusterFile` (cluster.json, for
 * addresses that have changed), `page` (the page's files; the built ones without it). What is not told shows as not configured.
 */
export const start: StartRole = async ({ service = {} }, config, { clock }) => {
  const told = (name: string) => service[name] ?? '';
  const clusterFile = told('clusterFile');
  const addresses = new Addresses(
    {
      driver: told('driver'),
      namenode: told('namenode'),
      view: told('view'),
      tables: told('tables'),
      workflow: told('workflow'),
      log: told('log'),
      // A cluster's directory will do.
      clusterFile:
        clusterFile === '' || basename(clusterFile).endsWith('.json')
          ? clusterFile
          : join(clusterFile, 'cluster.json'),
    },
    clock,
  );
  const credentials = { user: service['tablesUser'], password: service['tablesPassword'] };
  const view = new Reopened<KeyValueView>('view', openView);
  const tables = new Reopened<TableStore>('tables', (url) => openTables(url, credentials));
  const log = new Reopened<Log>('log', (url) =>
    openLog(url, { clientId: 'quarry-web', timeoutMs: LOG_TIMEOUT_MS }),
  );

  const openNow = async () => view.at((await addresses.now()).view);
  const speed = new SpeedView(openNow, told('viewName') || 'clicks', clock);
  const batch = new BatchView(async () => tables.at((await addresses.now()).tables), clock);
  const ask = async (part: 'driver' | 'workflow', path: string) =>
    JSON.parse((await askPart(part, (await addresses.now())[part], path)).body) as unknown;
  const checks: Readonly<Record<'driver' | 'view' | 'tables' | 'workflow', Check>> = {
    view: async () => `view ${told('viewName') || 'clicks'}, ${await speed.position()}`,
    tables: async () => {
      await batch.check();
      return 'answers';
    },
    driver: async () => counted(await ask('driver', '/api/executors'), 'executor'),
    workflow: async () => {
      const listing = (await ask('workflow', '/api/dags')) as { readonly dags?: unknown };
      return counted(listing.dags, 'DAG');
    },
  };
  const live = new LiveFeed(speed, clock);
  const clicks = new Clicks(batch, speed, clock);
  const api = new WebApi({
    addresses,
    clicks,
    health: () =>
      health({ addresses, clock, log: (url) => log.at(url), topic: told('topic') || 'clicks', checks }),
    clock,
  });
  const files = await readPageFiles(told('page') || join(packageRoot, 'dist', 'web'));
  const door = await serveWeb(config['bind.host'], config['web.port'], { api, live, files });
  // Today is read before the first page asks: from then on only its last minutes change. What fails is asked again by the page.
  clicks.clicks(clickRange(new URLSearchParams(), clock.nowMs())).catch(() => undefined);
  return {
    addresses: { http: door.address },
    close: async () => {
      live.close();
      await door.close();
      await Promise.all([view.close(), tables.close(), log.close()]);
    },
  };
};

function counted(list: unknown, what: string): string {
  const count = Array.isArray(list) ? list.length : 0;
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
