// npm start: a cluster, real data on three datanodes, one ranking computed beside the blocks, and what to try next.
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { FileSystem } from '../client/fs/file-system.ts';
import { ingest } from '../client/ingest/ingest.ts';
import { clusterDirectory } from '../common/cluster-file.ts';
import { resolveConfig } from '../common/config.ts';
import { silentLog } from '../common/log.ts';
import { packageRoot } from '../common/package-root.ts';
import { hasCode, QuarryError } from '../common/quarry-error.ts';
import { systemSeams } from '../common/seams/system.ts';
import { stopCluster } from './control.ts';
import { untilSignal } from './until-signal.ts';
import { type LaunchedCluster, launchCluster, type LaunchOptions } from './launch.ts';

const DATE = '2017-05-01';
const SALES = '/data/raw/sales';
const PRODUCTS = '/data/products';

const say = (text: string) => console.log(text);

/** The default ports, so that the commands of the README work as they stand; free ones where those are taken. */
async function launch(
  options: Omit<LaunchOptions, 'ports'>,
  ports: LaunchOptions['ports'],
): Promise<LaunchedCluster> {
  try {
    return await launchCluster({ ...options, ports });
  } catch (thrown) {
    if (ports === 'auto' || !hasCode(thrown, 'PORT_IN_USE')) throw thrown;
    say(`${thrown.message.split(';')[0]}: taking free ports instead`);
    return launchCluster({ ...options, ports: 'auto' });
  }
}

async function ingestSample(cluster: LaunchedCluster): Promise<void> {
  const fs = await FileSystem.connect({
    namenodeAddress: cluster.file.namenode.grpc,
    config: resolveConfig(),
    seams: systemSeams(cluster.directory, silentLog()),
  });
  try {
    if (await fs.exists(PRODUCTS)) {
      say(`${SALES} and ${PRODUCTS} are there from an earlier start`);
      return;
    }
    const sources = join(packageRoot, 'examples/data');
    const sales = await ingest({
      fs,
      sources: [join(sources, 'transactions-2017-05-01-07.parquet')],
      destination: SALES,
      partitionBy: { date: 'transaction_timestamp' },
      layout: '{date}/',
      timezone: 'UTC',
    });
    await ingest({
      fs,
      sources: [join(sources, 'products.parquet')],
      destination: PRODUCTS,
      timezone: 'UTC',
    });
    const report = await fs.fsck('/');
    say(
      `ingested ${sales.rows} grocery sales of one week into ${SALES}/YYYY-MM-DD/: ${report.blocks} blocks, each on 3 datanodes ` +
        `(${report.underReplicated} under-replicated)`,
    );
  } finally {
    await fs.close();
  }
}

function runJob(directory: string): void {
  const job = join(packageRoot, 'examples/daily-sales.ts');
  say(`\nquarry submit examples/daily-sales.ts --date ${DATE}`);
  const { status } = spawnSync(
    process.execPath,
    [join(packageRoot, 'bin/quarry'), 'submit', '--cluster', directory, job, '--date', DATE],
    {
      stdio: 'inherit',
    },
  );
  if (status !== 0) throw new QuarryError('INTERNAL', `the daily sales job ended with exit code ${status}`);
}

interface JobReport {
  readonly stages: readonly {
    readonly tasks: readonly { readonly node: string; readonly local?: boolean }[];
  }[];
}

async function sayWhereTasksRan(http: string): Promise<void> {
  const jobs = (await (await fetch(`${http}/api/jobs`)).json()) as readonly { readonly jobId: string }[];
  const latest = jobs[0];
  if (latest === undefined) throw new QuarryError('INTERNAL', 'the driver has no record of the job');
  const job = (await (await fetch(`${http}/api/jobs/${latest.jobId}`)).json()) as JobReport;
  const tasks = job.stages.flatMap((stage) => stage.tasks);
  const nodes = [...new Set(tasks.map((task) => task.node))].toSorted();
  const scans = tasks.filter((task) => task.local !== undefined);
  const local = scans.filter((task) => task.local).length;
  say(
    `\nits ${tasks.length} task(s) ran on ${nodes.join(', ')}; ${local} of ${scans.length} that scan read every block from their own node`,
  );
}

function sayWhatNext(cluster: LaunchedCluster): void {
  const { namenode, driver } = cluster.file;
  say(`
what to try, in another terminal (npx quarry works from this folder):
  export QUARRY_CLUSTER='${cluster.directory}'
  npx quarry fs ls -R /data
  npx quarry sql 'SELECT count(*) AS rows, round(sum(sales_value), 2) AS sales FROM parquet.\`${SALES}/*\`'
  npx quarry cluster kill dn2; npx quarry fs fsck /; npx quarry cluster restart dn2
  eval "$(npx quarry env)"; python3 examples/daily_sales.py --date 2017-05-02     (pip install 'pyspark-client==4.0.1' 'pandas<3' pyarrow)
status page ${namenode.http ?? '-'}   jobs ${driver.http ?? '-'}`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { once: { type: 'boolean', default: false }, dir: { type: 'string' } },
  });
  const temporary =
    values.once && values.dir === undefined ? await mkdtemp(join(tmpdir(), 'quarry-once-')) : undefined;
  const directory = temporary ?? clusterDirectory(values.dir);
  try {
    say('starting 1 namenode, 3 nodes (a datanode and an executor each) and a driver');
    const startedMs = performance.now();
    const cluster = await launch({ directory, nodes: 3, settings: {} }, values.once ? 'auto' : 'default');
    try {
      say(`ready after ${((performance.now() - startedMs) / 1000).toFixed(2)} s in ${directory}`);
      await ingestSample(cluster);
      runJob(directory);
      if (cluster.file.driver.http !== undefined) await sayWhereTasksRan(cluster.file.driver.http);
      if (!values.once) {
        sayWhatNext(cluster);
        say('\nCtrl-C stops the cluster; the data stays.');
        await untilSignal();
      }
    } finally {
      say('stopping');
      await stopCluster(directory);
    }
  } finally {
    if (temporary !== undefined) await rm(temporary, { recursive: true, force: true });
  }
}

try {
  await main();
} catch (thrown) {
  const error = QuarryError.from(thrown);
  console.error(
    error.code === 'INTERNAL' ? `quarry: ${error.message}` : `quarry: ${error.code}: ${error.message}`,
  );
  process.exitCode = 1;
}
