import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { isSupervisor, runningCluster } from '../cluster/cluster-files.ts';
import { stopProcesses } from '../cluster/control.ts';
import { launchCluster } from '../cluster/launch.ts';
import { supervise, type SupervisedCluster } from '../cluster/supervise.ts';
import { type ClusterFile, readClusterFile } from '../common/cluster-file.ts';
import { packageRoot } from '../common/package-root.ts';
import { openMailBox } from './mail-box.ts';
import type { PipelineOptions, TablesTarget } from './options.ts';
import { SubmittedJobs } from './submitted-jobs.ts';

/** Where the parts of a running pipeline are. */
export interface Pipeline {
  readonly directory: string;
  readonly cluster: SupervisedCluster;
  readonly topic: string;
  readonly logUrl: string;
  readonly viewUrl: string;
  readonly tables: TablesTarget;
  readonly workflowUrl: string;
  readonly webUrl: string;
  /** What the agent follows. */
  readonly accessLog: string;
  readonly jobs: SubmittedJobs;
  /** cluster.json as it is now. */
  file(): ClusterFile;
  stop(): Promise<void>;
}

export const RAW_CLICKS = '/data/raw/clicks';
export const SPEED_VIEW = 'clicks';
export const REPLAY_VIEW = 'clicks_replay';
export const DAG_ID = 'clickstream_daily';
export const CLICKSTREAM = join(packageRoot, 'examples/clickstream');

const COLUMNS =
  'product STRING, user STRING, request_id STRING, remote_addr STRING, request STRING, status INT, body_bytes_sent BIGINT, request_time DOUBLE, http_user_agent STRING';

/**
 * Starts the cluster and every service, supervised from this process, which none of them outlives. On a failure, or when the
 * signal comes, nothing is left running. Errors: INTERRUPTED by the signal.
 */
export async function startPipeline(
  options: PipelineOptions,
  say: (line: string) => void,
  interrupted: AbortSignal,
): Promise<Pipeline> {
  const { directory, ports, topic } = options;
  await endLeftover(directory, say);
  const mailBox = options.smtp === undefined ? await openMailBox(join(directory, 'mail')) : undefined;
  const settings = { ...options.settings, 'workflow.smtpUrl': options.smtp ?? mailBox!.url };
  const launch = { directory, ports, settings, endsWithLauncher: true, signal: interrupted };
  const launched = await launchCluster({ ...launch, nodes: options.nodes });
  const cluster = await supervise(launched, launch, say);
  const jobs = new SubmittedJobs();
  const stop = async () => {
    await jobs.end();
    await cluster.stop();
    await mailBox?.close();
  };
  try {
    const stores = await cluster.startServices([
      ...(options.kafka === undefined ? [{ name: 'log', service: {} }] : []),
      ...(options.redis === undefined || options.mysql === undefined ? [{ name: 'views', service: {} }] : []),
    ]);
    const logUrl = options.kafka ?? `quarry-log://${stores['log']}`;
    const viewUrl = options.redis ?? `quarry-views://${stores['views']}`;
    const tables = options.mysql ?? {
      jdbcUrl: `jdbc:quarry://${stores['views']}/clicks`,
      user: '',
      password: '',
    };
    // DAG files are code: what they are to use comes with the environment of the workflow service.
    process.env['CLICKS_TABLES'] = tables.jdbcUrl;
    process.env['CLICKS_TABLES_USER'] = tables.user;
    process.env['CLICKS_TABLES_PASSWORD'] = tables.password;
    const accessLog = join(directory, 'clicks', 'access.log');
    mkdirSync(join(directory, 'clicks'), { recursive: true });
    const agent = { log: logUrl, topic, globs: `${accessLog}*`, name: 'pipeline' };
    const landing = {
      log: logUrl,
      topic,
      directory: RAW_CLICKS,
      columns: COLUMNS,
      name: 'pipeline',
      flushMs: '10000',
    };
    const workflow = { dags: join(CLICKSTREAM, 'clickstream-daily.ts'), cluster: directory };
    const started = await cluster.startServices([
      { name: 'agent', service: agent },
      { name: 'landing', service: landing },
      { name: 'workflow', service: workflow },
    ]);
    const web = await cluster.startServices(
      process.env['NOWEB']
        ? []
        : [
            {
              name: 'web',
              service: {
                driver: launched.file.driver.http ?? '',
                namenode: launched.file.namenode.http ?? '',
                view: viewUrl,
                viewName: SPEED_VIEW,
                tables: tables.jdbcUrl,
                tablesUser: tables.user,
                tablesPassword: tables.password,
                workflow: `http://${started['workflow']}`,
                log: logUrl,
                topic,
                clusterFile: join(directory, 'cluster.json'),
              },
            },
          ],
    );
    return {
      directory,
      cluster,
      topic,
      logUrl,
      viewUrl,
      tables,
      workflowUrl: `http://${started['workflow']}`,
      webUrl: `http://${web['web']}`,
      accessLog,
      jobs,
      file: () => readClusterFile(directory),
      stop,
    };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

/** Processes end with their launcher; those of one that was killed just now may still be at it. */
async function endLeftover(directory: string, say: (line: string) => void): Promise<void> {
  const file = runningCluster(directory);
  if (file === undefined || isSupervisor(file.supervisor?.pid)) return;
  say(`ending what an earlier pipeline in ${directory} has left`);
  await stopProcesses(directory, file);
}
