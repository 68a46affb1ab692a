import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type SmtpSink, startSmtpSink } from '../services/smtp-sink.ts';
import { eventually } from './eventually.ts';
import { quarry } from './quarry.ts';
import { WorkflowProcess } from './workflow-process.ts';

let directory: string;
let smtp: SmtpSink;
let web: Server;
let webUrl: string;
let service: WorkflowProcess;
const posted: { path: string; body: string }[] = [];
let isReady = false;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'quarry-dags-'));
  smtp = await startSmtpSink();
  web = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      posted.push({ path: request.url ?? '', body });
      const status = request.url === '/ready' && !isReady ? 503 : 200;
      response.writeHead(status, { 'content-type': 'application/json' }).end('{"rows": 7}');
    });
  });
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  webUrl = `http://127.0.0.1:${(web.address() as AddressInfo).port}`;
  await writeFile(join(directory, 'dags.ts'), dags());
  await writeFile(join(directory, 'broken.ts'), 'export default 1;');
  service = await WorkflowProcess.start({
    dags: [directory],
    settings: { 'workflow.smtpUrl': smtp.url, 'workflow.reloadIntervalMs': '200' },
  });
});

afterAll(async () => {
  await service.stop();
  await smtp.stop();
  web.close();
  await rm(directory, { recursive: true, force: true });
});

function dags(): string {
  return `
import { cron, dag, dagSensor, delaySensor, email, http, httpSensor, shell, slack } from 'quarry/workflow';
const fast = { intervalMs: 200 };

const report = dag('report', { params: { top: 3 } }, (d) => {
  const ready = d.task('ready', httpSensor('${webUrl}/ready', fast));
  const fetched = d.task('fetched', http('${webUrl}/data?date={{ ds }}'));
  const counted = d.task('counted', (c) => ({ rows: c.outputs['fetched'].rows * 2, day: c.render('{{ ds | format("yyyy/MM/dd") }}') }));
  const mail = d.task('mail', email({ to: ['a@example.org', 'b@example.org'], subject: 'Top {{ params.top }} of {{ ds }}', text: '{{ outputs.counted.rows }} rows of {{ outputs.counted.day }}' }));
  const told = d.task('told', slack({ webhookUrl: '${webUrl}/hook', text: 'done: {{ run_id }}' }));
  ready.to(fetched).to(counted).to([mail, told]);
});

const waiting = dag('waiting', {}, (d) => {
  d.task('other', dagSensor('report', fast));
  d.task('time', delaySensor(0, { ...fast, mode: 'poke' }));
});

const failing = dag('failing', { onFailure: email({ to: 'ops@example.org', subject: '{{ dag_id }} failed', text: '' }) }, (d) => {
  const never = d.task('never', httpSensor('${webUrl.replace(/\d+$/, '1')}/', { ...fast, timeoutMs: 1000 }));
  const soft = d.task('soft', httpSensor('${webUrl.replace(/\d+$/, '1')}/', { ...fast, timeoutMs: 500, mode: 'poke', softFail: true }));
  d.task('after', shell('true'), { after: soft });
  d.task('status', http('${webUrl}/x', { expectedStatus: 418 }), {
    onFailure: slack({ webhookUrl: '${webUrl}/alarm', text: '{{ task_id }} try {{ try_number }}: {{ error }}' }),
  });
  d.task('cleanup', shell('echo cleaned'), { after: never, triggerRule: 'one_failed' });
  d.task('nothing', (c) => c.skip('no rows today'));
  d.task('exit', shell('exit 99'));
  d.task('mail', email({ to: 'x@example.org', subject: 's', text: 't', server: 'smtp://127.0.0.1:1' }));
});

const ticking = dag('ticking', { schedule: cron('* * * * * *', { semantics: 'interval' }), maxActiveRuns: 2 }, (d) => {
  d.task('tick', shell('echo $QUARRY_DATA_INTERVAL_END'));
});

export default [report, waiting, failing, ticking];
`;
}

describe('the workflow service', () => {
  it('lists its DAGs, and a broken file with its error', async () => {
    const { dags: found, broken } = await service.client.list();
    expect(found.map(({ dagId }) => dagId).toSorted()).toEqual(['failing', 'report', 'ticking', 'waiting']);
    expect(broken).toEqual([
      {
        file: join(directory, 'broken.ts'),
        error: expect.objectContaining({ code: 'DAG_INVALID' }) as unknown,
      },
    ]);
  });

  it('runs by the clock, soon after the tick', async () => {
    await eventually(
      () => service.client.grid('ticking', 10),
      (grid) => grid.runs.filter(({ state }) => state === 'success').length >= 3,
      20_000,
    );
    await service.client.pause('ticking', true);
    const { runs } = await service.client.grid('ticking', 10);
    for (const run of runs) {
      expect(run.kind).toBe('scheduled');
      expect(Date.parse(run.intervalEnd) - Date.parse(run.intervalStart)).toBe(1_000);
      // Created when the interval was over, not before.
      expect(Date.parse(run.createdAt)).toBeGreaterThanOrEqual(Date.parse(run.intervalEnd));
    }
    expect((await service.client.dag('ticking')).isPaused).toBe(true);
  });

  it('waits, fetches, computes, mails and tells; another DAG waits for it', async () => {
    const { client } = service;
    await client.trigger('waiting', { runId: 'w', date: '2026-11-03' });
    await client.trigger('report', { runId: 'r', date: '2026-11-03', params: { top: 5 } });
    await eventually(
      () => client.run('report', 'r'),
      (run) => run.tasks[0]!.attempt >= 2,
      20_000,
    );
    expect((await client.run('report', 'r')).tasks[1]!.state).toBe('none');
    isReady = true;
    const run = await service.ended('report', 'r');
    expect(run.tasks.map(({ taskId, state }) => `${taskId} ${state}`)).toEqual([
      'ready success',
      'fetched success',
      'counted success',
      'mail success',
      'told success',
    ]);
    // Looks of a sensor are not tries.
    expect(run.tasks[0]!.tryNumber).toBe(1);
    expect(run.tasks[2]!.output).toEqual({ rows: 14, day: '2026/11/03' });
    expect(posted).toContainEqual({ path: '/data?date=2026-11-03', body: '' });
    expect(posted).toContainEqual({ path: '/hook', body: '{"text":"done: r"}' });
    const [message] = smtp.messages;
    expect(message!.to).toEqual(['a@example.org', 'b@example.org']);
    expect(message!.raw).toContain('Subject: Top 5 of 2026-11-03');
    expect(message!.raw).toContain('14 rows of 2026/11/03');
    expect((await service.ended('waiting', 'w')).state).toBe('success');
  });

  it('says what went wrong, skips, cleans up and calls back', async () => {
    await service.client.trigger('failing', { runId: 'f' });
    const run = await service.ended('failing', 'f');
    expect(run.state).toBe('failed');
    const states = Object.fromEntries(run.tasks.map((task) => [task.taskId, task.state]));
    expect(states).toEqual({
      never: 'failed',
      soft: 'skipped',
      after: 'skipped',
      status: 'failed',
      cleanup: 'success',
      nothing: 'skipped',
      exit: 'skipped',
      mail: 'failed',
    });
    const errors = Object.fromEntries(run.tasks.map((task) => [task.taskId, task.error]));
    expect(errors['never']).toMatchObject({ code: 'SENSOR_TIMEOUT' });
    expect(errors['status']!.message).toContain('answered 200, not 418');
    expect(errors['mail']!.message).toContain('ECONNREFUSED');
    await eventually(
      () => Promise.resolve(smtp.messages.length),
      (count) => count === 2,
      20_000,
    );
    expect(smtp.messages[1]!.raw).toContain('Subject: failing failed');
    const alarm = posted.find(({ path }) => path === '/alarm')!;
    expect(alarm.body).toContain('status try 1: ');
    expect(alarm.body).toContain('not 418');
  });

  it('a mail server that refuses fails the task with its own words', async () => {
    smtp.refuse(true);
    await service.client.trigger('report', { runId: 'refused' });
    const run = await service.ended('report', 'refused');
    smtp.refuse(false);
    expect(run.tasks.find(({ taskId }) => taskId === 'mail')!.error!.message).toContain(
      'mailbox unavailable',
    );
  });

  it('loads a file that was mended, and keeps what a file had that broke', async () => {
    const good = `import { dag, shell } from 'quarry/workflow';
      export default dag('mended', {}, (d) => { d.task('a', shell('true')); });`;
    const file = join(directory, 'broken.ts');
    await writeFile(file, good);
    const hasMended = (listing: Awaited<ReturnType<typeof service.client.list>>) =>
      listing.dags.some(({ dagId }) => dagId === 'mended');
    await eventually(
      () => service.client.list(),
      (listing) => hasMended(listing) && listing.broken.length === 0,
      20_000,
    );
    await writeFile(file, `${good} }`);
    const listing = await eventually(
      () => service.client.list(),
      ({ broken }) => broken.length === 1,
      20_000,
    );
    expect(hasMended(listing)).toBe(true);
  });

  it('answers only programs of this machine, and no forms of other sites', async () => {
    const post = (headers: Record<string, string>) =>
      fetch(`${service.url}/api/dags/report/runs`, { method: 'POST', headers, body: '{}' });
    expect((await post({ 'content-type': 'text/plain' })).status).toBe(415);
    expect((await fetch(`${service.url}/api/nothing`)).status).toBe(404);
    const wrong = await fetch(`${service.url}/api/dags/report/runs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"date": "yesterday"}',
    });
    expect(wrong.status).toBe(400);
    expect(await wrong.json()).toMatchObject({ error: { code: 'INVALID_ARGUMENT' } });
  });
});

describe('quarry dag', () => {
  const dag = (...args: string[]) => quarry(['dag', ...args, '--url', service.url]);

  it('runs, shows, backfills, clears and reads logs', async () => {
    const run = await dag(
      'run',
      'report',
      '--date',
      '2026-11-05',
      '--run-id',
      'cli',
      '--param',
      'top=4',
      '--wait',
    );
    expect([run.code, run.stdout]).toEqual([0, expect.stringContaining('mail                    success')]);
    const log = await dag('logs', 'report', 'cli', 'told');
    expect(log.code).toBe(0);
    const state = await dag('state', 'report', 'latest', '--json');
    expect(JSON.parse(state.stdout)).toMatchObject({ dagId: 'report', state: 'success' });
    const backfill = await dag(
      'backfill',
      'report',
      '--from',
      '2026-10-01',
      '--to',
      '2026-10-02',
      '--wait',
      '--json',
    );
    expect(backfill.code).toBe(0);
    expect(
      (JSON.parse(backfill.stdout) as { logicalDate: string }[]).map((each) => each.logicalDate),
    ).toEqual(['2026-10-01T00:00:00+00:00', '2026-10-02T00:00:00+00:00']);
    const cleared = await dag('clear', 'report', 'cli', 'counted', '--downstream', '--wait');
    expect([cleared.code, cleared.stdout]).toEqual([
      0,
      expect.stringContaining('counted                 success try 2'),
    ]);
    const shown = await dag('show', 'report');
    expect(shown.stdout).toContain('fetched (http) after ready');
    expect(shown.stdout).toMatch(/2026-10-01.* success {2}\+\+\+\+\+ {2}backfill__2026-10-01/);
    const failed = await dag('run', 'failing', '--wait');
    expect([failed.code, failed.stdout]).toEqual([1, expect.stringContaining('SENSOR_TIMEOUT')]);
  });

  it('runs a file without the service, and says what is wrong with one', async () => {
    const file = join(directory, 'once.ts');
    await writeFile(
      file,
      `import { cron, dag, shell } from 'quarry/workflow';
       export default dag('once', { schedule: cron('0 2 * * *', { semantics: 'interval' }), params: { word: '' } }, (d) => {
         d.task('a', shell('echo {{ params.word }} {{ ds }}; exit \${CODE:-0}')); });`,
    );
    const good = await quarry([
      'dag',
      'run',
      file,
      '--once',
      '--date',
      '2026-11-09',
      '--param',
      'word=hello',
    ]);
    expect([good.code, good.stdout]).toEqual([0, expect.stringContaining('  a | hello 2026-11-09')]);
    expect(good.stdout).toContain('once manual__');
    expect(good.stdout.trim().endsWith(': success')).toBe(true);
    const bad = await quarry(['dag', 'run', file, '--once', '--json'], { CODE: '3' });
    expect(bad.code).toBe(1);
    expect(JSON.parse(bad.stdout)).toMatchObject({
      state: 'failed',
      tasks: [{ error: { code: 'TASK_FAILED' } }],
    });
    await writeFile(
      file,
      `import { dag, shell } from 'quarry/workflow';
       export default dag('once', {}, (d) => { d.task('a', shell('{{ nope }}')); });`,
    );
    const broken = await quarry(['dag', 'run', file, '--once']);
    expect([broken.code, broken.stderr]).toEqual([
      1,
      expect.stringContaining('DAG_INVALID: DAG once: task a: {{ nope }} names nothing'),
    ]);
    const nobody = await quarry(['dag', 'list', '--url', 'http://127.0.0.1:1']);
    expect([nobody.code, nobody.stderr]).toEqual([1, expect.stringContaining('no workflow service answers')]);
  });
});
