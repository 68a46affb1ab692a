import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { identityOf, processesOfAttempt } from '../../workflow/run/process-table.ts';
import { eventually } from './eventually.ts';
import { WorkflowProcess } from './workflow-process.ts';

let directory: string;
let service: WorkflowProcess;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'quarry-dags-'));
});

afterEach(async () => {
  await service.stop();
  await rm(directory, { recursive: true, force: true });
});

async function begin(body: string, options = '{}', settings: Record<string, string> = {}): Promise<void> {
  const file = join(directory, 'ledger.ts');
  const text = `import { dag, pathSensor, shell } from 'quarry/workflow';
    const note = (text: string) => 'echo "' + text + ' $QUARRY_RUN_ID $QUARRY_TASK_ID $QUARRY_TRY_NUMBER" >> ${ledger()}';
    export default dag('ledger', ${options}, (d) => { ${body} });`;
  await writeFile(file, text);
  service = await WorkflowProcess.start({ dags: [file], settings });
}

const ledger = () => join(directory, 'ledger');

/** `start RUN TASK TRY` and `end RUN TASK TRY`, in the order in which they were written. */
function lines(): string[] {
  try {
    return readFileSync(ledger(), 'utf8').trim().split('\n');
  } catch {
    return [];
  }
}

async function written(line: string): Promise<void> {
  await eventually(
    () => Promise.resolve(lines()),
    (all) => all.includes(line),
    20_000,
  );
}

/** Of the first attempt of task a of run r. */
function token(): string {
  return `${readFileSync(join(service.directory, 'store-id'), 'utf8')}/ledger/r/a/1`;
}

const CHAIN = `
  const steps = Array.from({ length: 6 }, (_, i) =>
    d.task('t' + i, i % 3 === 2
      ? async (c) => { const { appendFileSync } = await import('node:fs');
          const say = (text: string) => appendFileSync('LEDGER', text + ' ' + c.runId + ' ' + c.taskId + ' ' + c.tryNumber + '\\n');
          say('start'); await new Promise((done) => setTimeout(done, 150)); say('end'); }
      : shell(note('start') + '; sleep 0.15; ' + note('end'))));
  d.chain(...steps);`;

describe('a scheduler killed at any instant', () => {
  it('goes on where it was: every task has run once, also those that ran at the kill', async () => {
    await begin(CHAIN.replace('LEDGER', ledger()));
    const runs = ['r0', 'r1', 'r2'];
    for (const runId of runs) await service.client.trigger('ledger', { runId });
    await sleep(120);
    await service.kill();
    for (let round = 0; round < 12; round++) {
      // From before it has read its store to the midst of its work.
      await service.beginAndKill(round * 90 + Math.random() * 60);
    }
    await service.begin();
    for (const runId of runs) {
      const run = await service.ended('ledger', runId);
      expect(run.tasks.map(({ state, tryNumber }) => `${state} ${tryNumber}`)).toEqual(
        Array.from({ length: 6 }, () => 'success 1'),
      );
    }
    const expected = runs.flatMap((runId) =>
      Array.from({ length: 6 }, (_, i) => [`start ${runId} t${i} 1`, `end ${runId} t${i} 1`]).flat(),
    );
    expect(lines().toSorted()).toEqual(expected.toSorted());
    // And in order: a task begins when the one before it has ended.
    for (const runId of runs) {
      const own = lines().filter((line) => line.includes(` ${runId} `));
      expect(own).toEqual(expected.filter((line) => line.includes(` ${runId} `)));
    }
  });

  it('runs a task again, as the same try, whose process went with it', async () => {
    await begin(`
      const a = d.task('a', shell(note('start') + '; ' + note('end')));
      const b = d.task('b', shell(note('start') + '; sleep 1; ' + note('end')));
      d.chain(a, b);`);
    await service.client.trigger('ledger', { runId: 'r' });
    await written('start r b 1');
    const [leader] = (await service.client.run('ledger', 'r')).tasks.flatMap((task) => task.pid ?? []);
    await service.kill();
    process.kill(-leader!, 'SIGKILL');
    await service.begin();
    const run = await service.ended('ledger', 'r');
    expect(run.state).toBe('success');
    expect(lines()).toEqual(['start r a 1', 'end r a 1', 'start r b 1', 'start r b 1', 'end r b 1']);
  });

  it('ends what the dead attempt left behind before it runs the task again', async () => {
    const once = join(directory, 'once');
    await begin(
      `d.task('a', shell(note('start') + '; [ -e ${once} ] || { touch ${once}; setsid sleep 300 & sleep 30; } ; ' + note('end')))`,
    );
    await service.client.trigger('ledger', { runId: 'r' });
    await written('start r a 1');
    const [leader] = (await service.client.run('ledger', 'r')).tasks.flatMap((task) => task.pid ?? []);
    await service.kill();
    // Only the leader: the shell and the sleeper live on, as after the kernel's out-of-memory killer.
    process.kill(leader!, 'SIGKILL');
    expect(processesOfAttempt(token()).length).toBeGreaterThan(0);
    await service.begin();
    await service.ended('ledger', 'r');
    expect(processesOfAttempt(token())).toEqual([]);
    expect(lines()).toEqual(['start r a 1', 'start r a 1', 'end r a 1']);
  });

  it('stopped in good order leaves tasks running, and sensors look again when it is back', async () => {
    await begin(
      `d.task('a', shell(note('start') + '; sleep 4; ' + note('end')));
       d.task('wait', pathSensor('/x', { mode: 'poke', intervalMs: 100, timeoutMs: 12_000 }))`,
    );
    await service.client.trigger('ledger', { runId: 'r' });
    await written('start r a 1');
    const pids = (await service.client.run('ledger', 'r')).tasks.map((task) => task.pid!);
    await service.kill('SIGTERM');
    expect(pids.map((pid) => identityOf(pid) !== undefined)).toEqual([true, false]);
    await service.begin();
    const run = await service.ended('ledger', 'r');
    expect(run.tasks.map(({ state, tryNumber, attempt }) => `${state} ${tryNumber} ${attempt}`)).toEqual([
      'success 1 1',
      'failed 1 2',
    ]);
    expect(run.tasks[1]!.error!.code).toBe('SENSOR_TIMEOUT');
  });

  it('refuses a second process on its store', async () => {
    await begin(`d.task('a', shell('true'))`);
    const options = { settings: { 'workflow.port': '0' }, service: { dags: '' } };
    await expect(new WorkflowProcess(service.directory, options).begin()).rejects.toThrow(/STORAGE_IN_USE/);
  });
});

describe('an attempt', () => {
  it('that is killed has failed, and is tried again', async () => {
    await begin(
      `d.task('a', shell(note('start') + '; [ $QUARRY_TRY_NUMBER = 2 ] || kill -9 $PPID; sleep 0.2; ' + note('end')))`,
      '{ defaults: { retries: 1, retryDelayMs: 10 } }',
    );
    await service.client.trigger('ledger', { runId: 'r' });
    const run = await service.ended('ledger', 'r');
    expect([run.state, run.tasks[0]!.tryNumber]).toEqual(['success', 2]);
    // The shell of the first attempt was ended before it came to its end.
    expect(lines()).toEqual(['start r a 1', 'start r a 2', 'end r a 2']);
  });

  it('longer than its timeout is ended with all it has begun, and with SIGKILL when it does not listen', async () => {
    await begin(
      `d.task('a', shell("trap '' TERM; " + note('start') + '; (setsid sleep 301 &); while :; do sleep 0.1; done'), { timeoutMs: 1_000 })`,
    );
    await service.client.trigger('ledger', { runId: 'r' });
    const run = await service.ended('ledger', 'r');
    expect(run.tasks[0]).toMatchObject({ state: 'failed', error: { code: 'DEADLINE' } });
    expect(processesOfAttempt(token())).toEqual([]);
    const ranMs = Date.parse(run.finishedAt!) - Date.parse(run.startedAt!);
    expect(ranMs).toBeGreaterThanOrEqual(1_500);
    expect(ranMs).toBeLessThan(10_000);
  });

  it('is ended when its run is cancelled or its task cleared', async () => {
    const done = join(directory, 'done');
    await begin(`d.task('a', shell(note('start') + '; [ -e ${done} ] || sleep 60; ' + note('end')))`);
    const { client } = service;
    await client.trigger('ledger', { runId: 'r' });
    await written('start r a 1');
    await client.cancel('ledger', 'r');
    expect((await service.ended('ledger', 'r')).state).toBe('failed');
    await client.clear('ledger', 'r', { tasks: [], downstream: false, onlyFailed: false });
    await written('start r a 2');
    await writeFile(done, '');
    await client.clear('ledger', 'r', { tasks: ['a'], downstream: false, onlyFailed: false });
    expect((await service.ended('ledger', 'r')).state).toBe('success');
    expect(lines()).toEqual(['start r a 1', 'start r a 2', 'start r a 3', 'end r a 3']);
  });
});
