import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../../../common/package-root.ts';
import { eventually } from '../../cluster/eventually.ts';
import { type Finished, run } from '../../cluster/quarry.ts';
import { startTestCluster, type TestCluster } from '../../cluster/test-cluster.ts';
import { startViews } from '../../conformance/sinks/views-process.ts';
import { clientPython } from '../pyspark/python.ts';

const APPLICATIONS = join(import.meta.dirname, 'applications');
const SPARK_SUBMIT = join(packageRoot, 'bin/spark-submit');
const application = (name: string) => join(APPLICATIONS, name);

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startTestCluster({ nodes: 1 });
});
afterAll(async () => {
  await cluster.stop();
});

const environment = (): Record<string, string> => ({
  QUARRY_CLUSTER: cluster.directory,
  PYSPARK_PYTHON: clientPython(),
  PYTHONWARNINGS: 'ignore',
  SPARK_REMOTE: '',
});

function sparkSubmit(...words: string[]): Promise<Finished> {
  return run(process.execPath, [SPARK_SUBMIT, ...words], environment());
}

/** How many queries of applications the driver runs. */
async function running(): Promise<number> {
  const api = `${cluster.file().driver.http}/api`;
  const jobs = (await (await fetch(`${api}/jobs`)).json()) as { state: string }[];
  const streams = (await (await fetch(`${api}/streams`)).json()) as { isActive: boolean }[];
  return jobs.filter(({ state }) => state === 'running').length + streams.filter((it) => it.isActive).length;
}

/** The application's own process: the only child of spark-submit. */
async function childOf(pid: number): Promise<number> {
  const { stdout } = await run('ps', ['-o', 'pid=', '--ppid', String(pid)]);
  return Number(stdout.trim().split('\n')[0]);
}

/** A zombie, whose parent has not looked yet, has no command line. */
function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`) && readFileSync(`/proc/${pid}/cmdline`, 'utf8') !== '';
}

describe('spark-submit', () => {
  it('runs an unchanged application as Airflow calls it', async () => {
    const words =
      `--master spark://elsewhere:7077 --conf spark.sql.shuffle.partitions=7 --executor-memory 1g --name given
      --py-files ${join(APPLICATIONS, 'lib/helper_module.py')} --deploy-mode client`.split(/\s+/);
    const { code, stdout, stderr } = await sparkSubmit(
      ...words,
      application('unchanged.py'),
      '--date',
      '2026-11-17',
    );
    expect(stderr).toMatch(/master spark:\/\/elsewhere:7077 stands for the cluster/);
    expect(stderr).toMatch(/accepted without effect .*spark\.executor\.memory=1g/);
    expect(stderr).toMatch(/master yarn is ignored/);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      argv: ['--date', '2026-11-17'],
      name: '__main__',
      file: application('unchanged.py'),
      path: APPLICATIONS,
      sum: 45,
      mapped: [42, 43],
      appName: 'from the application',
      applicationId: expect.stringMatching(/^quarry-[0-9a-f-]{36}$/) as unknown,
      master: cluster.file().driver.connect,
      uiWebUrl: cluster.file().driver.http,
      partitions: '7',
      memory: '1g',
      parallelize: expect.stringContaining('use DataFrames') as unknown,
      rdd: expect.stringContaining('use DataFrames') as unknown,
    });
  });

  it('ends with the exit code of the application, and shows its failure as its own', async () => {
    const words = ['--py-files', join(APPLICATIONS, 'lib/helper_module.py'), application('unchanged.py')];
    const failed = await sparkSubmit(...words, '--fail');
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain("ValueError: the application's own failure");
    expect(failed.stderr).not.toContain('bootstrap.py');
    expect((await sparkSubmit(...words, '--exit')).code).toBe(7);
  });

  it.each(['quarry', 'spark-submit'])('gives an application the same through %s', async (door) => {
    const words = door === 'quarry' ? ['submit'] : [];
    const { stdout, stderr, code } = await run(
      process.execPath,
      [join(packageRoot, 'bin', door), ...words, application('context.py')],
      environment(),
    );
    expect({ stdout, stderr, code }).toEqual({
      stdout: 'context first 3 context first\n',
      stderr: expect.stringContaining('master local[*] is ignored') as string,
      code: 0,
    });
  });

  it('finds the files of --files where they are', async () => {
    const { stdout } = await sparkSubmit(
      '--files',
      `${application('context.py')}#c`,
      application('files.py'),
      'c',
    );
    expect(stdout).toBe(`${application('context.py')}\n`);
  });

  it('writes what a run writes once, whatever became of its tries', async () => {
    const views = await startViews();
    try {
      const url = `jdbc:quarry://${views.address}/writes`;
      const tried = (runId: string, way: string) =>
        run(process.execPath, [SPARK_SUBMIT, application('writes.py'), url, way], {
          ...environment(),
          AIRFLOW_CTX_DAG_ID: 'd',
          AIRFLOW_CTX_TASK_ID: 't',
          AIRFLOW_CTX_DAG_RUN_ID: runId,
        });
      expect((await tried('r1', 'dies between')).code).toBe(3);
      const ways = ['other order', 'other order', 'threads', 'threads', 'sessions', 'sessions'];
      for (const way of ways)
        expect(await tried(`r${ways.indexOf(way)}`.replace('r0', 'r1'), way)).toMatchObject({ code: 0 });
      const { stdout } = await tried('', 'count');
      expect(stdout.trim().split('\n')).toEqual([
        'a 8',
        'b 4',
        't0 1',
        't1 2',
        't2 3',
        't3 4',
        'named 10',
        's 3',
      ]);
    } finally {
      await views.dispose();
    }
  });

  it('says in one line what it cannot run and what a Python lacks', async () => {
    const jar = await sparkSubmit('--class', 'org.example.Main', 'app.jar');
    expect(jar).toMatchObject({ code: 1, stdout: '' });
    expect(jar.stderr).toMatch(/UNSUPPORTED: app\.jar needs a JVM[^\n]*\n$/);
    const without = await run(process.execPath, [SPARK_SUBMIT, application('context.py')], {
      ...environment(),
      // The same Python without its packages.
      PYSPARK_PYTHON: join(APPLICATIONS, 'isolated-python.sh'),
      CLIENT_PYTHON: clientPython(),
    });
    expect(without.stderr).toMatch(/cannot import pyspark\.sql\.connect .*pip install pyspark-client/);
    expect(without.code).toBe(1);
    const help = await sparkSubmit('--help');
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toContain('--master quarry://DIR');
  });

  // What schedulers do: SIGTERM by a person or a shell, SIGKILL by Airflow's operator.
  it.each([
    ['SIGTERM', 'query', 'endless.py', 143],
    ['SIGKILL', 'query', 'endless.py', null],
    ['SIGTERM', 'streaming query', 'streaming.py', 143],
  ] as const)('killed by %s, takes the application and its %s with it', async (signal, _, name, code) => {
    const submitted = spawn(process.execPath, [SPARK_SUBMIT, application(name), '/checkpoint'], {
      env: { ...process.env, ...environment() },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    process.once('exit', () => submitted.kill('SIGKILL'));
    const ended = new Promise<number | null>((resolve) => submitted.once('close', resolve));
    await eventually(running, (count) => count > 0, 60_000);
    const child = await childOf(submitted.pid!);
    expect(isAlive(child)).toBe(true);
    submitted.kill(signal);
    expect(await ended).toBe(code);
    await eventually(
      async () => ({ alive: isAlive(child), count: await running() }),
      ({ alive, count }) => !alive && count === 0,
      30_000,
    );
  });
});
