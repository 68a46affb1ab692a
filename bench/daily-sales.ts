// The sales ranking over the whole year, warm, beside DuckDB alone on the same files: npx tsx bench/daily-sales.ts [--runs 15]
// The two take turns; the client's round trip counts. Needs bash scripts/fetch-sales-year.sh.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DuckDBInstance } from '@duckdb/node-api';
import { FileSystem } from '../client/fs/file-system.ts';
import { QuarrySession } from '../client/session.ts';
import { launchCluster } from '../cluster/launch.ts';
import { stopCluster } from '../cluster/control.ts';
import { ingest } from '../client/ingest/ingest.ts';
import { resolveConfig } from '../common/config.ts';
import { silentLog } from '../common/log.ts';
import { packageRoot } from '../common/package-root.ts';
import { systemSeams } from '../common/seams/system.ts';
import { report, timedMs } from './report.ts';

const { values } = parseArgs({ options: { runs: { type: 'string', default: '15' } } });
const QUERY = `SELECT s.product_id, p.product_type, round(sum(s.sales_value), 2) AS sales
  FROM {sales} s JOIN {products} p ON s.product_id = p.product_id
  GROUP BY s.product_id, p.product_type ORDER BY sales DESC, s.product_id LIMIT 20`;

const cache = spawnSync('bash', [join(packageRoot, 'scripts/fetch-sales-year.sh')], {
  encoding: 'utf8',
}).stdout.trim();
const directory = mkdtempSync(join(tmpdir(), 'quarry-bench-'));
const cluster = await launchCluster({ directory, nodes: 3, ports: 'auto', settings: {} });
try {
  const fs = await FileSystem.connect({
    namenodeAddress: cluster.file.namenode.grpc,
    config: resolveConfig(),
    seams: systemSeams(directory, silentLog()),
  });
  for (const name of ['transactions', 'products']) {
    await ingest({ fs, sources: [join(cache, `${name}.parquet`)], destination: `/${name}`, timezone: 'UTC' });
  }
  // The very files that the cluster holds, for DuckDB alone.
  for (const name of ['transactions', 'products']) {
    for await (const entry of fs.list(`/${name}`)) {
      if (!entry.path.endsWith('.parquet')) continue;
      const { writeFileSync, mkdirSync } = await import('node:fs');
      mkdirSync(join(directory, 'alone', name), { recursive: true });
      writeFileSync(
        join(directory, 'alone', name, entry.path.split('/').at(-1)!),
        await fs.readFile(entry.path),
      );
    }
  }
  const session = await QuarrySession.connect({ cluster: directory });
  const connection = await (await DuckDBInstance.create()).connect();
  const onCluster = QUERY.replace('{sales}', 'parquet.`/transactions`').replace(
    '{products}',
    'parquet.`/products`',
  );
  const onDuckdb = QUERY.replace('{sales}', `'${directory}/alone/transactions/*.parquet'`).replace(
    '{products}',
    `'${directory}/alone/products/*.parquet'`,
  );
  const quarry = () => session.sql(onCluster).collect();
  const alone = async () => (await connection.runAndReadAll(onDuckdb)).getRowObjectsJS();
  const same =
    JSON.stringify((await quarry()).map((row) => Number(row['product_id']))) ===
    JSON.stringify((await alone()).map((row) => Number(row['product_id'])));
  if (!same) throw new Error('the two do not agree on the products');
  const ours: number[] = [];
  const theirs: number[] = [];
  const tiny: number[] = [];
  for (let run = 0; run < Number(values.runs); run++) {
    ours.push(await timedMs(quarry));
    theirs.push(await timedMs(alone));
    tiny.push(await timedMs(() => session.range(10).count()));
  }
  report('daily_sales_year_quarry', ours, 'ms');
  report('daily_sales_year_duckdb_alone', theirs, 'ms');
  report(
    'daily_sales_year_ratio',
    ours.map((ms, i) => ms / theirs[i]!),
    'x',
  );
  report('fixed_cost_of_a_query', tiny, 'ms');
  await session.stop();
  await fs.close();
} finally {
  await stopCluster(directory);
  rmSync(directory, { recursive: true, force: true });
}
