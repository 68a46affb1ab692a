import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { redacted } from '../../../../cli/spark-submit/application-conf.ts';
import { parseSparkArguments } from '../../../../cli/spark-submit/spark-arguments.ts';
import { type Submission, submission } from '../../../../cli/spark-submit/submission.ts';

const directory = mkdtempSync(join(tmpdir(), 'quarry-submission-'));
const file = (name: string) => join(directory, name);
beforeAll(() => {
  for (const name of ['app.py', 'app.ts', 'lib.py', 'app.txt']) writeFileSync(file(name), '');
  writeFileSync(
    file('my.conf'),
    'spark.app.name from file\nspark.sql.a 1\nspark.pyspark.python /file/python\n',
  );
  const cluster = { driver: { connect: 'sc://127.0.0.1:7', http: 'http://127.0.0.1:8' } };
  writeFileSync(file('cluster.json'), JSON.stringify(cluster));
});
afterAll(() => rmSync(directory, { recursive: true }));

const submitted = (words: string[], env: Record<string, string> = {}): Submission =>
  submission(parseSparkArguments(['--cluster', directory, ...words]), env);

describe('a submission', () => {
  it('ranks the properties file below --conf below the options', () => {
    const words = [
      '--properties-file',
      file('my.conf'),
      '--conf',
      'spark.sql.a=2',
      '--conf',
      'spark.app.name=conf',
    ];
    const { conf, environment } = submitted([...words, '--name', 'option', file('app.py')]);
    expect(conf.get('spark.app.name')).toBe('option');
    expect(JSON.parse(environment['PYSPARK_REMOTE_INIT_CONF_0']!)).toEqual({ 'spark.sql.a': '2' });
    expect(environment['PYSPARK_REMOTE_INIT_CONF_LEN']).toBe('1');
    expect(environment['SPARK_REMOTE']).toBe('sc://127.0.0.1:7/;x-quarry-app=option');
    expect(submitted([file('app.py')]).conf.get('spark.app.name')).toBe('app.py');
  });

  it('finds the Python in the order of Spark', () => {
    const env = { PYSPARK_DRIVER_PYTHON: 'driver', PYSPARK_PYTHON: 'python' };
    const python = (words: string[], of: Record<string, string> = env) =>
      submitted([...words, file('app.py')], of).python;
    expect(python([])).toBe('driver');
    expect(python([], { PYSPARK_PYTHON: 'python' })).toBe('python');
    expect(python([], {})).toBe('python3');
    expect(python(['--properties-file', file('my.conf')])).toBe('/file/python');
    expect(python(['--conf', 'spark.pyspark.python=p', '--conf', 'spark.pyspark.driver.python=d'])).toBe('d');
  });

  it('takes sc:// and quarry:// as the cluster, and other masters as the named one', () => {
    const target = (...words: string[]) => submitted([...words, file('app.py')]).target;
    expect(target('--master', 'sc://h:3/;user_id=u').connect).toBe('sc://h:3/;user_id=u');
    expect(target('--master', `quarry://${directory}`)).toMatchObject({
      connect: 'sc://127.0.0.1:7',
      directory,
      web: 'http://127.0.0.1:8',
    });
    expect(target('--master', 'spark://h:7077').note).toBe(
      `master spark://h:7077 stands for the cluster ${directory}`,
    );
    expect(target().note).toBeUndefined();
    expect(() =>
      submission(parseSparkArguments(['--master', 'yarn', '--cluster', file('none'), file('app.py')]), {}),
    ).toThrow(/--master yarn names no Quarry cluster.*set QUARRY_CLUSTER/);
  });

  it('logs what has no effect, once for each reason', () => {
    const words =
      '--executor-memory 1g --num-executors 4 --jars a.jar --queue q --proxy-user eve --keytab k --odd'.split(
        ' ',
      );
    const { notes } = submitted([...words, '--archives', 'f', file('app.py')]);
    expect(notes).toHaveLength(6);
    expect(notes[0]).toContain('spark.executor.memory=1g, spark.executor.instances=4, spark.yarn.queue=q');
    expect(notes.join('\n')).toMatch(
      /spark\.jars=a\.jar[^]*spark\.archives=f[^]*Kerberos[^]*--proxy-user eve[^]*--odd/,
    );
  });

  it('gives the application its variables and its modules', () => {
    const words = ['--conf', 'spark.yarn.appMasterEnv.A=b', '--py-files', `${file('lib.py')},${directory}`];
    const { environment } = submitted([...words, file('app.py')], { PYTHONPATH: '/p' });
    expect(environment).toMatchObject({ A: 'b', PYTHONPATH: `${directory}:/p`, QUARRY_CLUSTER: directory });
    expect(submitted([`file://${file('app.py')}`]).application).toBe(file('app.py'));
    expect(submitted([file('app.ts'), 'x'])).toMatchObject({ language: 'javascript', args: ['x'] });
    const files = submitted([
      '--files',
      `${file('lib.py')},file://${file('app.txt')}#t`,
      file('app.py'),
    ]).files;
    expect(files).toEqual({ 'lib.py': file('lib.py'), t: file('app.txt') });
  });

  it('sends a job of the SDK to the driver that --master names, also without a directory', () => {
    const variable = (name: string) =>
      submitted(['--master', 'sc://h:3', file(name)]).environment['QUARRY_CLUSTER'];
    expect(variable('app.ts')).toBe('sc://h:3');
    expect(variable('app.py')).toBeUndefined();
  });

  it('names the try and the index of a mapped task', () => {
    const env = { AIRFLOW_CTX_DAG_ID: 'd', AIRFLOW_CTX_TASK_ID: 't', AIRFLOW_CTX_DAG_RUN_ID: 'r' };
    const remote = (...words: string[]) =>
      submitted([...words, file('app.py')], env).environment['SPARK_REMOTE']!;
    const attempt = /;x-quarry-attempt=([0-9a-f-]{36})$/;
    expect(attempt.exec(remote())![1]).not.toBe(attempt.exec(remote())![1]);
    expect(remote('--conf', 'spark.quarry.mapIndex=3')).toContain('x-quarry-task=t%255B3%255D;');
  });

  it('refuses what it cannot run', () => {
    const failure = (...words: string[]) => expect(() => submitted(words));
    failure('app.jar').toThrow(/app\.jar needs a JVM/);
    failure('--class', 'a.B', file('app.py')).toThrow(/--class a\.B needs a JVM/);
    failure('--deploy-mode', 'cluster', file('app.py')).toThrow(/quarry submit --supervise/);
    failure('--deploy-mode', 'moon', file('app.py')).toThrow(/client or cluster/);
    failure(file('none.py')).toThrow(/no application file/);
    failure(file('app.txt')).toThrow(/neither Python/);
    failure('--properties-file', file('none'), file('app.py')).toThrow(/cannot be read/);
    failure('--py-files', file('none.py'), file('app.py')).toThrow(/there is no/);
    failure('--files', file('none'), file('app.py')).toThrow(/--files: there is no/);
    failure().toThrow(/name an application/);
  });
});

it('secrets are not shown', () => {
  expect(redacted('spark.hadoop.fs.s3a.secret.key', 'x')).toBe('spark.hadoop.fs.s3a.secret.key=*****');
  expect(redacted('spark.app.name', 'x')).toBe('spark.app.name=x');
});
