import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from './eventually.ts';
import { quarry } from './quarry.ts';
import { startTestCluster, type TestCluster } from './test-cluster.ts';
import { WorkflowProcess } from './workflow-process.ts';

let cluster: TestCluster;
let directory: string;
let service: WorkflowProcess;

beforeAll(async () => {
  cluster = await startTestCluster({ nodes: 1 });
  directory = await mkdtemp(join(tmpdir(), 'quarry-dags-'));
  await writeFile(
    join(directory, 'nightly.ts'),
    `import { dag, job, pathSensor, sql } from 'quarry/workflow';
     export default dag('nightly', {}, (d) => {
       const landed = d.task('landed', pathSensor('/raw/{{ ds | format("yyyy/MM/dd") }}/_SUCC*', { intervalMs: 300 }));
       const counted = d.task('counted', sql('SELECT count(*) AS n, sum(id) AS total FROM range(5)'));
       const ranked = d.task('ranked', job('rank.ts', ['--date', '{{ ds }}', '--rows', '{{ outputs.counted.n }}']));
       const broken = d.task('broken', job('broken.ts'));
       d.chain(landed, counted, [ranked, broken]);
     });`,
  );
  await writeFile(
    join(directory, 'rank.ts'),
    `import { QuarrySession } from 'quarry';
     await using session = await QuarrySession.connect({ appName: 'rank' });
     const rows = await session.range(3).collect();
     console.log(JSON.stringify([rows.length, process.argv.slice(2), process.env['SPARK_REMOTE'], process.env['QUARRY_RUN_ID']]));`,
  );
  await writeFile(
    join(directory, 'broken.ts'),
    `import { QuarrySession } from 'quarry';
     await using session = await QuarrySession.connect();
     await session.sql('SELECT nope').collect();`,
  );
  service = await WorkflowProcess.start({
    dags: [join(directory, 'nightly.ts')],
    cluster: cluster.directory,
  });
});

afterAll(async () => {
  await service.stop();
  await cluster.stop();
  await rm(directory, { recursive: true, force: true });
});

it('waits for a path of the cluster, asks it in SQL, and runs SDK jobs on it with the key of their writes', async () => {
  const { client } = service;
  await client.trigger('nightly', { runId: 'n1', date: '2026-11-21' });
  await eventually(
    () => client.run('nightly', 'n1'),
    ({ tasks }) => tasks[0]!.attempt >= 3,
    30_000,
  );
  const source = join(directory, 'empty');
  await writeFile(source, '');
  const directories = await quarry(['fs', 'mkdir', '-p', '/raw/2026/11/21', '--cluster', cluster.directory]);
  expect(directories.stderr).toBe('');
  const put = await quarry(['fs', 'put', source, '/raw/2026/11/21/_SUCCESS', '--cluster', cluster.directory]);
  expect(put.stderr).toBe('');
  const run = await service.ended('nightly', 'n1');
  const tasks = Object.fromEntries(run.tasks.map((task) => [task.taskId, task]));
  expect(tasks['counted']!.output).toEqual({ n: 5, total: 10 });
  expect(tasks['ranked']!.error).toBeNull();
  expect(JSON.parse(tasks['ranked']!.output as string)).toEqual([
    3,
    ['--date', '2026-11-21', '--rows', '5'],
    expect.stringMatching(
      /^sc:[^;]*;x-quarry-dag=nightly;x-quarry-task=ranked;x-quarry-run-id=n1;x-quarry-attempt=[^;]+ranked[^;]+;x-quarry-app=rank\.ts$/,
    ),
    'n1',
  ]);
  expect(tasks['broken']).toMatchObject({ state: 'failed', error: { code: 'TASK_FAILED' } });
  expect((await client.log('nightly', 'n1', 'broken', {})).text).toMatch(/ANALYSIS|nope/);

  // Cleared, it is asked to write anew: another key, the same run.
  await client.clear('nightly', 'n1', { tasks: ['ranked'], downstream: false, onlyFailed: false });
  const again = (await service.ended('nightly', 'n1')).tasks.find(({ taskId }) => taskId === 'ranked')!;
  const [, , remote, runId] = JSON.parse(again.output as string) as [number, string[], string, string];
  expect(remote).toContain(';x-quarry-run-id=n1~clear1;');
  expect(runId).toBe('n1');
});
