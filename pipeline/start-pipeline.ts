import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { launchCluster } from '../cluster/launch.ts';
import { supervise, type SupervisedCluster } from '../cluster/supervise.ts';
import { type ClusterFile, readClusterFile } from '../common/cluster-file.ts';
import { packageRoot } from '../common/package-root.ts';
import { openMailBox } from './mail-box.ts';
import type { PipelineOptions, TablesTarget } from './options.ts';

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

/** Starts the cluster and every service, supervised from this process. On a failure nothing is left running. */
export async function startPipeline(
  options: PipelineOptions,
  say: (line: string) => void,
): Promise<Pipeline> {
  const { directory, ports, settings, topic } = options;
  const mailBox = options.smtp === undefined ? await openMailBox(join(directory, 'mail')) : undefined;
  const launched = await launchCluster({
    directory,
    nodes: options.nodes,
    ports,
    settings: { ...settings, 'workflow.smtpUrl': options.smtp ?? mailBox!.url },
  });
  const launch = {
    directory,
    ports,
    settings: { ...settings, 'workflow.smtpUrl': options.smtp ?? mailBox!.url },
  };
  const cluster = await supervise(launched, launch, say);
  const stop = async () => {
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
      file: () => readClusterFile(directory),
      stop,
    };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}
