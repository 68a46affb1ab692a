import { userInfo } from 'node:os';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../../../common/package-root.ts';
import type { ClickTruth } from '../../../services/clicks/click-generator.ts';
import { startTestCluster, type TestCluster } from '../../cluster/test-cluster.ts';
import { type MariadbServer, ROOT_PASSWORD, startMariadbServer } from '../../services/mariadb-server.ts';
import { type SmtpSink, startSmtpSink } from '../../services/smtp-sink.ts';
import { type Airflow, airflowPython, openAirflow } from './airflow.ts';
import { landClicks } from './land-clicks.ts';

const DAYS = ['2026-11-20', '2026-11-21'] as const;
const CLICKS = 3_000;
const DAGS = join(packageRoot, 'examples/clickstream/airflow');

let cluster: TestCluster;
let mariadb: MariadbServer;
let smtp: SmtpSink;
let airflow: Airflow;
let truths: Map<string, ClickTruth>;

beforeAll(async () => {
  [cluster, mariadb, smtp] = await Promise.all([startTestCluster(), startMariadbServer(), startSmtpSink()]);
  truths = await landClicks(cluster, DAYS, CLICKS);
  const environment = {
    ...connections(),
    CLICKS_TABLES: mariadb.url,
    CLICKS_TABLES_USER: 'root',
    CLICKS_TABLES_PASSWORD: ROOT_PASSWORD,
    CLICKS_RETRY_SECONDS: '1',
    PYSPARK_PYTHON: airflowPython,
    SPARK_REMOTE: '',
  };
  airflow = await openAirflow(DAGS, environment);
});
afterAll(async () => {
  await airflow?.dispose();
  await cluster?.stop();
  await mariadb?.stop();
  await smtp?.stop();
});

function connections(): Record<string, string> {
  const web = new URL(cluster.file().namenode.http!);
  const mail = new URL(smtp.url);
  const webhdfs = { host: web.hostname, port: Number(web.port), login: userInfo().username };
  const extra = { from_email: 'airflow@example.org', disable_ssl: true, disable_tls: true };
  return {
    AIRFLOW_CONN_WEBHDFS_DEFAULT: JSON.stringify({ conn_type: 'webhdfs', ...webhdfs }),
    AIRFLOW_CONN_SPARK_DEFAULT: JSON.stringify({ conn_type: 'spark', host: `quarry://${cluster.directory}` }),
    AIRFLOW_CONN_SMTP_DEFAULT: JSON.stringify({
      conn_type: 'smtp',
      host: mail.hostname,
      port: Number(mail.port),
      extra,
    }),
  };
}

interface Ranked {
  readonly product: string;
  readonly clicks: number;
  readonly position: number;
}

async function query<T>(sql: string, values: readonly string[] = []): Promise<T[]> {
  const connection = await createConnection({
    host: '127.0.0.1',
    port: mariadb.port,
    user: 'root',
    password: ROOT_PASSWORD,
    database: 'quarry',
  });
  try {
    const [rows] = await connection.query(sql, [...values]);
    return rows as T[];
  } finally {
    await connection.end();
  }
}

const rankingOf = (day: string) =>
  query<Ranked>(
    'SELECT product, clicks, position FROM best_products WHERE CAST(ds AS CHAR) = ? ORDER BY position',
    [day],
  );

/** Most clicks first, equal ones by the product's name. */
function expectedRanking(day: string): Ranked[] {
  return [...truths.get(day)!.products]
    .toSorted(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    .map(([product, clicks], i) => ({ product, clicks, position: i + 1 }));
}

/** Fails with the log of the run. */
async function testRun(day: string, more: Record<string, string> = {}): Promise<string> {
  const { code, stdout, stderr } = await airflow.run(['dags', 'test', 'clickstream_daily', day], more);
  const log = `${stdout}\n${stderr}`;
  if (code !== 0) throw new Error(`airflow dags test ended with ${code}:\n${log.slice(-8_000)}`);
  expect(log).toMatch(/DagRun Finished: dag_id=clickstream_daily.* state=success/);
  return log;
}

describe('a real Airflow with the nightly DAG', () => {
  it('runs at 02:00 for the day before, in UTC', async () => {
    const script = `import pendulum, runpy
dag = runpy.run_path("${join(DAGS, 'clickstream_daily.py')}")["dag"]
interval = dag.timetable.infer_manual_data_interval(run_after=pendulum.datetime(2026, 11, 22, 2, 0, tz="UTC"))
print(json.dumps([str(interval.start), str(interval.end)]))`;
    expect(await airflow.python(script)).toEqual(['2026-11-21 02:00:00+00:00', '2026-11-22 02:00:00+00:00']);
  });

  it('finds the files of the cluster through its WebHDFS hook', async () => {
    const script = `from airflow.providers.apache.hdfs.hooks.webhdfs import WebHDFSHook
client = WebHDFSHook().get_conn()
client.makedirs("/from-airflow/a b", permission=755)
client.rename("/from-airflow/a b", "/from-airflow/c")
out = dict(names=client.list("/from-airflow"), kind=client.status("/from-airflow")["type"],
  none=client.status("/nowhere", strict=False), there=WebHDFSHook().check_for_path("/data/raw/clicks/2026/11/20/_SUCCESS"),
  content=client.content("/from-airflow")["directoryCount"], gone=client.delete("/from-airflow", recursive=True))
print(json.dumps(out))`;
    expect(await airflow.python(script)).toEqual({
      names: ['c'],
      kind: 'DIRECTORY',
      none: null,
      there: true,
      content: 2,
      gone: true,
    });
  });

  it.each(DAYS)('ranks the clicks of %s, writes them to the table and sends a mail', async (day) => {
    const log = await testRun(day);
    expect(log).toContain(
      'accepted without effect (the cluster has its own sizes): spark.executor.memory=1g',
    );
    expect((await rankingOf(day)).map((row) => ({ ...row, clicks: Number(row.clicks) }))).toEqual(
      expectedRanking(day),
    );
    const mails = smtp.messages.filter(({ raw }) => raw.includes(`Subject: Best products of ${day}`));
    expect(mails).toHaveLength(1);
    expect(mails[0]).toMatchObject({ from: 'airflow@example.org', to: ['team@localhost'] });
  });

  it('keeps one result when a date is run again', async () => {
    await testRun(DAYS[0]);
    for (const day of DAYS) expect(await rankingOf(day)).toHaveLength(expectedRanking(day).length);
    const [total] = await query<{ n: number }>(
      'SELECT CAST(sum(clicks) AS SIGNED) AS n FROM clicks_per_minute',
    );
    expect(Number(total!.n)).toBe(DAYS.reduce((sum, day) => sum + truths.get(day)!.total, 0));
  });

  it('tries a failed task again, and what it had written already is not written twice', async () => {
    const job = join(import.meta.dirname, 'applications/fails_once.py');
    const log = await testRun(DAYS[1], { CLICKS_JOB: job });
    expect(log).toContain('new_state=up_for_retry');
    expect(await query('SELECT count(*) AS n, count(DISTINCT id) AS ids FROM retried')).toEqual([
      { n: 10, ids: 10 },
    ]);
    const jobs = await (await fetch(`${cluster.file().driver.http}/api/jobs`)).text();
    expect(jobs).toContain('write to retried: skipped');
  });
});
