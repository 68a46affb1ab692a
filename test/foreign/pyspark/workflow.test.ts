import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestCluster, type TestCluster } from '../../cluster/test-cluster.ts';
import { WorkflowProcess } from '../../cluster/workflow-process.ts';
import { clientPython } from './python.ts';

let cluster: TestCluster;
let directory: string;

beforeAll(async () => {
  cluster = await startTestCluster({ nodes: 1 });
  directory = await mkdtemp(join(tmpdir(), 'quarry-dags-'));
});

afterAll(async () => {
  await cluster.stop();
  await rm(directory, { recursive: true, force: true });
});

it('a PySpark program is a task: it finds the cluster, and its failure is the task’s', async () => {
  await writeFile(
    join(directory, 'dag.ts'),
    `import { dag, pyspark } from 'quarry/workflow';
     const environment = { PYSPARK_PYTHON: ${JSON.stringify(clientPython())} };
     export default dag('py', {}, (d) => {
       d.task('count', pyspark('count.py', ['{{ ds }}'], { environment }));
       d.task('fail', pyspark('fail.py', [], { environment }));
     });`,
  );
  await writeFile(
    join(directory, 'count.py'),
    `import sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
print(spark.range(10).count(), sys.argv[1])
`,
  );
  await writeFile(join(directory, 'fail.py'), 'import sys\nprint("no")\nsys.exit(3)\n');
  const service = await WorkflowProcess.start({
    dags: [join(directory, 'dag.ts')],
    cluster: cluster.directory,
  });
  try {
    await service.client.trigger('py', { runId: 'p', date: '2026-11-21' });
    const run = await service.ended('py', 'p');
    expect(run.tasks[0]).toMatchObject({ state: 'success', output: '10 2026-11-21' });
    expect(run.tasks[1]).toMatchObject({ state: 'failed', output: null });
    expect(run.tasks[1]!.error!.message).toContain('exit code 3');
  } finally {
    await service.stop();
  }
});
