import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { resolveConfig } from '../../../common/config.ts';
import { silentLog } from '../../../common/log.ts';
import type { RunningRole } from '../../../common/role.ts';
import { systemSeams } from '../../../common/seams/system.ts';
import { bundleWeb } from '../../../scripts/bundle-web.ts';
import { start } from '../../../services/web/start.ts';
import type { ViewEntry } from '../../../sinks/key-value-view.ts';
import { QuarryTables } from '../../../sinks/quarry/quarry-tables.ts';
import { QuarryView } from '../../../sinks/quarry/quarry-view.ts';
import { startViews } from '../../conformance/sinks/views-process.ts';

export const MINUTE_MS = 60_000;
export const DAY_MS = 86_400_000;

export const minuteKey = (ms: number) => `${new Date(ms).toISOString().slice(0, 16)}:00Z`;
export const dayOf = (ms: number) => new Date(ms).toISOString().slice(0, 10);

export type Counts = Map<number, Map<string, number>>;

/** The same clicks for the same times: some products, each with a rhythm of its own. */
export function someClicks(fromMs: number, untilMs: number, products = 12): Counts {
  const counts: Counts = new Map();
  for (let at = fromMs; at < untilMs; at += MINUTE_MS) {
    const of = new Map<string, number>();
    for (let rank = 1; rank <= products; rank += 1) {
      const wave =
        1 +
        0.35 * Math.sin(at / (MINUTE_MS * (9 + 2 * rank))) +
        0.2 * Math.sin(at / (MINUTE_MS * 2.3 * rank));
      const clicks = Math.round((180 * wave) / rank ** 0.8 + ((at / MINUTE_MS) % (rank + 3)));
      if (clicks > 0) of.set(String(1_029_700 + rank * 43), clicks);
    }
    counts.set(at, of);
  }
  return counts;
}

export function totals(counts: Counts): Map<string, number> {
  const sums = new Map<string, number>();
  for (const of of counts.values())
    for (const [product, clicks] of of) sums.set(product, (sums.get(product) ?? 0) + clicks);
  return sums;
}

/** Real views and tables, with what the streaming query and the nightly job would write. */
export class Store {
  readonly #views: Awaited<ReturnType<typeof startViews>>;
  readonly #view: QuarryView;
  readonly #tables: QuarryTables;
  #batchId = 0;

  private constructor(views: Awaited<ReturnType<typeof startViews>>) {
    this.#views = views;
    this.#view = new QuarryView(views.address);
    this.#tables = new QuarryTables(views.address, 'clicks');
  }

  static async start(): Promise<Store> {
    return new Store(await startViews());
  }

  get view(): string {
    return `quarry-views://${this.#views.address}`;
  }

  get tables(): string {
    return `jdbc:quarry://${this.#views.address}/clicks`;
  }

  async speed(counts: Counts): Promise<void> {
    const entries: ViewEntry[] = [...counts].flatMap(([at, of]) =>
      [...of].map(([field, value]) => ({ key: minuteKey(at), field, value })),
    );
    const batchId = this.#batchId++;
    await this.#view.commit({ view: 'clicks', epoch: 1, batchId, entries, ttlSeconds: 0 });
  }

  async batch(ds: string, counts: Counts): Promise<void> {
    const minutes = [...counts].flatMap(([at, of]) =>
      [...of].map(([product, clicks]) => [ds, minuteKey(at), product, String(clicks)]),
    );
    const ranking = [...totals(counts)]
      .toSorted(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
      .map(([product, clicks], at) => [ds, product, String(clicks), at + 1]);
    await this.#write(
      'clicks_per_minute',
      ['ds string', 'minute string', 'product string', 'clicks bigint'],
      minutes,
    );
    await this.#write(
      'best_products',
      ['ds string', 'product string', 'clicks bigint', 'position int'],
      ranking,
    );
  }

  restart = async (): Promise<void> => {
    await this.#views.start();
  };

  /** Without warning. */
  end(): Promise<void> {
    return this.#views.end();
  }

  async dispose(): Promise<void> {
    await Promise.all([this.#view.close(), this.#tables.close()]);
    await this.#views.dispose();
  }

  async #write(table: string, columns: readonly string[], rows: readonly (readonly (string | number)[])[]) {
    const target = {
      table,
      columns: columns.map((column) => {
        const [name, type] = column.split(' ') as [string, string];
        return { name, type, nullable: true };
      }),
      mode: 'append' as const,
      truncate: false,
      key: undefined,
      replaceKeys: ['ds'],
      batchRows: 10_000,
    };
    await this.#tables.write(
      target,
      (async function* () {
        yield rows;
      })(),
    );
  }
}

/** Stands in for the driver's HTTP door. */
export async function fakeDriver(streams: () => unknown): Promise<{ url: string; close(): Promise<void> }> {
  const server: Server = createServer((request, response) => {
    const body = request.url === '/api/streams' ? streams() : [{ id: 'ex1' }, { id: 'ex2' }, { id: 'ex3' }];
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** As the driver answers for the query of examples/clickstream/clicks-per-minute.ts. */
export function streamAnswer(rate: number, lag: number) {
  return [
    {
      id: '0d4b5a4e-6f0c-4a55-9d4a-0e2c53d0a111',
      runId: 'f6b9a1d2-5f0f-4f7e-8f30-3a1b7d1a2222',
      name: 'clicks',
      sessionId: 's1',
      isActive: true,
      status: { message: 'Waiting for next trigger', isDataAvailable: true, isTriggerActive: false },
      error: null,
      lastProgress: {
        batchId: 412,
        timestamp: new Date().toISOString(),
        batchDuration: 236,
        numInputRows: rate,
        inputRowsPerSecond: rate,
        processedRowsPerSecond: rate * 4.2,
        eventTime: { watermark: new Date(Date.now() - 603_000).toISOString() },
        stateOperators: [{ numRowsTotal: 132, customMetrics: { lateRowsTotal: 17 } }],
        sources: [
          {
            endOffset: { clicks: { 0: 1000, 1: 1200, 2: 900 } },
            latestOffset: { clicks: { 0: 1000 + lag, 1: 1200, 2: 900 } },
          },
        ],
      },
    },
  ];
}

/** The web service in this process, with the page built from the sources. */
export async function startWeb(
  service: Readonly<Record<string, string>>,
): Promise<{ url: string; close(): Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), 'quarry-web-'));
  const page = join(directory, 'page');
  await bundleWeb(page);
  const options = {
    name: 'web',
    directory,
    settings: {},
    namenodeAddress: '',
    driverAddress: '',
    node: '',
    unixSocket: '',
    service: { page, ...service },
  };
  const config = resolveConfig({ 'web.port': '0' });
  const running: RunningRole = await start(options, config, systemSeams(directory, silentLog()));
  return {
    url: `http://${running.addresses['http']}`,
    close: async () => {
      await running.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** A nightly DAG that needs nothing but a shell. `mail` fails once and is tried again, `archive` fails. */
export async function writeDag(directory: string): Promise<string> {
  const file = join(directory, 'nightly.ts');
  await writeFile(
    file,
    `import { dag, shell } from 'quarry/workflow';
const options = { description: 'Best products of the day before' };
export default dag('nightly', options, (d) => {
  const raw = d.task('raw-landed', shell('echo "_SUCCESS of {{ ds }} is there"'));
  const best = d.task('best-products', shell('echo "ranking of {{ ds }}"; echo "<b>12 products</b><script>document.title=1</script>"'));
  const mail = d.task('mail', shell('if [ $QUARRY_TRY_NUMBER -gt 1 ]; then echo sent; else echo "no server yet"; exit 1; fi'), { retries: 2, retryDelayMs: 100 });
  const archive = d.task('archive', shell('echo "no space for {{ ds }}"; exit 3'));
  d.chain(raw, best, [mail, archive]);
});
`,
  );
  return file;
}
