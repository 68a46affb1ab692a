import { describe, expect, it } from 'vitest';
import {
  cron,
  dag,
  type DagBuilder,
  type DagOptions,
  email,
  job,
  pathSensor,
  pyspark,
  shell,
} from '../../../../workflow/index.ts';
import { dagModelOf } from '../../../../workflow/model/dag-model-of.ts';

function described(define: (d: DagBuilder) => void, options: DagOptions = {}) {
  return dagModelOf(dag('d', options, define), '/dags/d.ts');
}

describe('a DAG', () => {
  it('is described with its order, defaults and paths', () => {
    const model = described(
      (d) => {
        const c = d.task('c', job('jobs/rank.ts', ['--date', '{{ ds }}']), { retries: 1 });
        const a = d.task('a', pathSensor('/raw/{{ ds | format("yyyy/MM/dd") }}/_SUCCESS'));
        const b = d.task('b', () => ({ rows: 1 }));
        d.chain(a, [b], c);
        d.task('e', email({ to: 'x@y', subject: '{{ outputs.b.rows }}' }), { after: ['c', b] });
      },
      { defaults: { retries: 3 }, schedule: cron('0 2 * * *', { semantics: 'interval' }) },
    );
    expect(model.tasks.map((task) => task.taskId)).toEqual(['a', 'b', 'c', 'e']);
    expect(model.tasks.map((task) => task.retries)).toEqual([3, 3, 1, 3]);
    expect(model.tasks[2]).toMatchObject({ upstream: ['b'], action: { file: '/dags/jobs/rank.ts' } });
    expect(model.tasks[0]!.waiting).toMatchObject({ mode: 'reschedule' });
    expect(model.schedule).toEqual({ expression: '0 2 * * *', timezone: 'UTC', semantics: 'interval' });
    // It crosses processes as JSON.
    expect(JSON.parse(JSON.stringify(model))).toMatchObject({ dagId: 'd' });
  });

  it('has groups that follow one another', () => {
    const model = described((d) => {
      const [a, b, c, e] = ['a', 'b', 'c', 'e'].map((id) => d.task(id, shell('true')));
      a!.to([b!, c!]).to(e!);
    });
    expect(model.tasks.find((task) => task.taskId === 'e')!.upstream).toEqual(['b', 'c']);
  });
});

describe('DAG_INVALID names what is wrong:', () => {
  const nothing = () => undefined;
  it.each<[string, () => unknown]>([
    [
      'its tasks form a cycle: b -> c -> b',
      () =>
        described((d) => {
          d.task('a', nothing);
          d.task('b', nothing, { after: ['a', 'c'] });
          d.task('c', nothing, { after: 'b' });
        }),
    ],
    [
      'comes after nope, and there is no such task',
      () => described((d) => d.task('a', nothing, { after: 'nope' })),
    ],
    [
      'two tasks are called a',
      () =>
        described((d) => {
          d.task('a', nothing);
          d.task('a', nothing);
        }),
    ],
    ['it has no tasks', () => described(() => undefined)],
    ['is no id of a task', () => described((d) => d.task('a b', nothing))],
    ['{{ dss }} names nothing', () => described((d) => d.task('a', shell('echo {{ dss }}')))],
    [
      'names no parameter of the DAG; it has: top',
      () => described((d) => d.task('a', shell('{{ params.bottom }}')), { params: { top: 1 } }),
    ],
    [
      'names no task that comes before a',
      () =>
        described((d) => {
          d.task('a', shell('{{ outputs.b }}'));
          d.task('b', nothing);
        }),
    ],
    ['{{ error }} names nothing', () => described((d) => d.task('a', shell('{{ error }}')))],
    ['without its }}', () => described((d) => d.task('a', shell('{{ ds')))],
    ['retries of a is a whole number', () => described((d) => d.task('a', nothing, { retries: 1.5 }))],
    [
      'there is no trigger rule',
      () => described((d) => d.task('a', nothing, { triggerRule: 'sometimes' as 'all_done' })),
    ],
    [
      'catchup needs a startDate',
      () =>
        described((d) => d.task('a', nothing), {
          catchup: true,
          schedule: cron('@daily', { semantics: 'trigger' }),
        }),
    ],
    [
      'startDate "yesterday" is no date',
      () => described((d) => d.task('a', nothing), { startDate: 'yesterday' }),
    ],
    ['needs { semantics', () => cron('0 2 * * *', {} as { semantics: 'trigger' })],
    [
      'no time zone "Mars/Phobos"',
      () => cron('0 2 * * *', { timezone: 'Mars/Phobos', semantics: 'interval' }),
    ],
    ['no cron expression', () => cron('whenever', { semantics: 'interval' })],
    ['pyspark takes a .py file', () => pyspark('job.ts')],
    ['must not be asynchronous', () => dag('d', {}, (async () => undefined) as unknown as () => void)],
  ])('%s', (message, make) => {
    expect(make).toThrow(
      expect.objectContaining({ code: 'DAG_INVALID', message: expect.stringContaining(message) }),
    );
  });

  it('callbacks may name the error', () => {
    const model = described((d) => d.task('a', nothing, { onFailure: shell('echo {{ error }}') }));
    expect(model.tasks[0]!.callbacks.onFailure).toMatchObject({ command: 'echo {{ error }}' });
  });
});
