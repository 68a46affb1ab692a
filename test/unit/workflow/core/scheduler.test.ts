import { describe, expect, it } from 'vitest';
import type { CronSchedule, Waiting } from '../../../../workflow/core/dag-model.ts';
import { nextWakeMs } from '../../../../workflow/core/advance.ts';
import { CAPACITY, model, NO_CALLBACKS, task, TestScheduler } from './fixture.ts';

const NOW = Date.parse('2026-11-22T12:00:00Z');
const nightly: CronSchedule = { expression: '0 2 * * *', timezone: 'UTC', semantics: 'interval' };
const shell = { kind: 'shell', command: 'true', environment: {}, skipExitCode: 99 } as const;
const sensor: Waiting = { mode: 'reschedule', intervalMs: 10_000, timeoutMs: 60_000, softFail: false };

describe('a run', () => {
  it('goes through its tasks in order and succeeds', () => {
    const s = new TestScheduler(
      [model([task('a'), task('b', { upstream: ['a'] }), task('c', { upstream: ['a'] })])],
      NOW,
    );
    s.trigger();
    expect(s.states()).toBe('a:running b:none c:none');
    s.finish('a');
    expect(s.states()).toBe('a:success b:running c:running');
    s.finish('b');
    s.finish('c');
    expect(s.run().state).toBe('success');
    expect(nextWakeMs(s.state, s.nowMs)).toBeUndefined();
  });

  it('fails with its last tasks; what cannot run is upstream_failed', () => {
    const s = new TestScheduler([model([task('a'), task('b', { upstream: ['a'] })])], NOW);
    s.trigger();
    s.fail('a');
    expect(s.states()).toBe('a:failed b:upstream_failed');
    expect(s.run().state).toBe('failed');
  });

  it('is a success when a task that takes all comes last', () => {
    const s = new TestScheduler(
      [model([task('a'), task('mail', { upstream: ['a'], triggerRule: 'all_done' })])],
      NOW,
    );
    s.trigger();
    s.fail('a');
    s.finish('mail');
    expect(s.run().state).toBe('success');
  });

  it('hands outputs on, and skips what comes after a skipped task', () => {
    const s = new TestScheduler([model([task('a'), task('b', { upstream: ['a'] })])], NOW);
    s.trigger();
    s.finish('a', { kind: 'skipped', reason: '' });
    expect(s.states()).toBe('a:skipped b:skipped');
    expect(s.run().state).toBe('success');
  });

  it('asked for twice under one id is one run', () => {
    const s = new TestScheduler([model([task('a')])], NOW);
    s.trigger();
    s.trigger();
    expect(s.started).toEqual(['a']);
  });

  it('longer than its timeout fails, its tasks are ended', () => {
    const s = new TestScheduler(
      [model([task('a'), task('b', { upstream: ['a'] })], { runTimeoutMs: 5_000 })],
      NOW,
    );
    s.trigger();
    expect(nextWakeMs(s.state, s.nowMs)).toBe(NOW + 5_000);
    s.advance(5_000);
    expect(s.ending.size).toBe(1);
    s.fail('a');
    expect(s.states()).toBe('a:failed b:skipped');
    expect(s.run().state).toBe('failed');
  });

  it('that is cancelled fails even when only waiting tasks are left', () => {
    const s = new TestScheduler([model([task('a', { retries: 1 })])], NOW);
    s.trigger();
    s.fail('a');
    s.send({ kind: 'request', request: { kind: 'cancel', dagId: 'd', runId: 'r' } });
    expect([s.states(), s.run().state]).toEqual(['a:skipped', 'failed']);
  });
});

describe('retries', () => {
  it('wait, double and are capped', () => {
    const s = new TestScheduler(
      [
        model([
          task('a', { retries: 4, retryDelayMs: 1_000, exponentialBackoff: true, maxRetryDelayMs: 3_000 }),
        ]),
      ],
      NOW,
    );
    s.trigger();
    const delays: number[] = [];
    for (let i = 0; i < 4; i++) {
      s.fail('a');
      expect(s.task('a')!.state).toBe('up_for_retry');
      delays.push(s.task('a')!.nextMs! - s.nowMs);
      s.advance(delays.at(-1)! - 1);
      expect(s.task('a')!.state).toBe('up_for_retry');
      s.advance(1);
    }
    expect(delays).toEqual([1_000, 2_000, 3_000, 3_000]);
    expect(s.task('a')!.tryNumber).toBe(5);
    s.fail('a');
    expect(s.run().state).toBe('failed');
  });

  it('are not tried where another try would fail the same way', () => {
    const s = new TestScheduler([model([task('a', { retries: 3 })])], NOW);
    s.trigger();
    s.finish('a', {
      kind: 'failed',
      error: { code: 'DAG_INVALID', message: '', details: {} },
      isFinal: true,
    });
    expect(s.task('a')!.state).toBe('failed');
  });

  it('come after a timeout; a task that succeeds while it is ended has succeeded', () => {
    const s = new TestScheduler([model([task('a', { retries: 1, timeoutMs: 2_000, retryDelayMs: 0 })])], NOW);
    s.trigger();
    s.advance(2_000);
    expect(s.ending.size).toBe(1);
    s.fail('a');
    expect(s.task('a')!.error!.code).toBe('DEADLINE');
    s.advance(1);
    s.advance(2_000);
    s.finish('a');
    expect(s.run().state).toBe('success');
  });

  it('news of an older attempt counts for nothing', () => {
    const s = new TestScheduler([model([task('a', { retries: 1, retryDelayMs: 0 })])], NOW);
    s.trigger();
    const first = { ...s.task('a')! };
    s.fail('a');
    s.advance(0);
    expect(s.task('a')!.attempt).toBe(2);
    s.send({ kind: 'finished', token: first, outcome: { kind: 'success', output: 1 } });
    expect(s.task('a')!.state).toBe('running');
  });

  it('an attempt lost with its scheduler is the same try again, three times at most', () => {
    const s = new TestScheduler([model([task('a')])], NOW);
    s.trigger();
    for (let i = 0; i < 2; i++) {
      s.finish('a', { kind: 'lost', reason: 'gone' });
      expect([s.task('a')!.state, s.task('a')!.tryNumber]).toEqual(['running', 1]);
    }
    s.finish('a', { kind: 'lost', reason: 'gone' });
    expect(s.task('a')!.state).toBe('failed');
  });
});

describe('sensors', () => {
  it('in mode reschedule free their slot between looks, and time out over all of them', () => {
    const s = new TestScheduler([model([task('wait', { waiting: sensor, retries: 5 }), task('b')])], NOW, {
      ...CAPACITY,
      slots: 1,
    });
    s.trigger();
    expect(s.states()).toBe('wait:running b:scheduled');
    s.finish('wait', { kind: 'reschedule' });
    expect(s.states()).toBe('wait:up_for_reschedule b:running');
    s.finish('b');
    for (let i = 0; i < 5; i++) {
      s.advance(10_000);
      s.finish('wait', { kind: 'reschedule' });
    }
    expect(s.task('wait')!.tryNumber).toBe(1);
    s.advance(10_000);
    expect(s.task('wait')!.state).toBe('failed');
    expect(s.task('wait')!.error!.code).toBe('SENSOR_TIMEOUT');
  });

  it('in mode poke hold it, and are ended when they wait too long; soft fail skips', () => {
    const waiting: Waiting = { ...sensor, mode: 'poke', softFail: true };
    const s = new TestScheduler([model([task('wait', { waiting }), task('b', { upstream: ['wait'] })])], NOW);
    s.trigger();
    s.advance(60_000);
    expect(s.ending.size).toBe(1);
    s.fail('wait');
    expect(s.states()).toBe('wait:skipped b:skipped');
  });

  it('keep the time of their first look over a retry', () => {
    const s = new TestScheduler(
      [model([task('wait', { waiting: sensor, retries: 9, retryDelayMs: 40_000 })])],
      NOW,
    );
    s.trigger();
    s.fail('wait');
    s.advance(40_000);
    expect(s.task('wait')!.state).toBe('running');
    s.advance(20_000);
    s.fail('wait');
    expect(s.task('wait')!.error!.code).toBe('SENSOR_TIMEOUT');
  });
});

describe('schedules', () => {
  it('without catchup begin with the newest interval that is over', () => {
    const s = new TestScheduler([model([task('a')], { schedule: nightly })], NOW);
    expect(s.activeRunIds()).toEqual(['scheduled__2026-11-21T02:00:00+00:00']);
    expect(nextWakeMs(s.state, s.nowMs)).toBe(Date.parse('2026-11-23T02:00:00Z'));
  });

  it('with trigger semantics begin with the next tick', () => {
    const s = new TestScheduler(
      [model([task('a')], { schedule: { ...nightly, semantics: 'trigger' } })],
      NOW,
    );
    expect(s.activeRunIds()).toEqual([]);
    s.advance(14 * 3_600_000);
    expect(s.activeRunIds()).toEqual(['scheduled__2026-11-23T02:00:00+00:00']);
  });

  it('with catchup run every interval since the start date, so many at once', () => {
    const s = new TestScheduler(
      [
        model([task('a')], {
          schedule: nightly,
          catchup: true,
          startMs: Date.parse('2026-11-18'),
          maxActiveRuns: 2,
        }),
      ],
      NOW,
    );
    const dates: string[] = [];
    for (let i = 0; i < 10 && s.activeRunIds().length > 0; i++) {
      expect(s.activeRunIds().length).toBeLessThanOrEqual(2);
      const runId = s.activeRunIds()[0]!;
      dates.push(runId.slice(11, 21));
      s.finish('a', undefined, runId);
    }
    expect(dates).toEqual(['2026-11-18', '2026-11-19', '2026-11-20', '2026-11-21']);
  });

  it('missed while nobody was there: the newest counts, with catchup all of them', () => {
    for (const [catchup, expected] of [
      [false, 1],
      [true, 5],
    ] as const) {
      const s = new TestScheduler(
        [model([task('a')], { schedule: nightly, catchup, startMs: Date.parse('2026-11-21') })],
        NOW,
      );
      s.finish('a', undefined, s.activeRunIds()[0]!);
      s.nowMs += 5 * 86_400_000;
      s.restart();
      expect(s.activeRunIds().length).toBe(expected);
    }
  });

  it('paused make no runs; those there are go on', () => {
    const s = new TestScheduler([model([task('a')], { schedule: nightly })], NOW);
    s.send({ kind: 'request', request: { kind: 'pause', dagId: 'd', isPaused: true } });
    s.finish('a', undefined, s.activeRunIds()[0]!);
    s.advance(3 * 86_400_000);
    expect(s.activeRunIds()).toEqual([]);
    s.send({ kind: 'request', request: { kind: 'pause', dagId: 'd', isPaused: false } });
    expect(s.activeRunIds()).toEqual(['scheduled__2026-11-24T02:00:00+00:00']);
  });
});

describe('slots', () => {
  it('and pools bound what runs at once', () => {
    const tasks = ['a', 'b', 'c', 'd'].map((id) => task(id, id < 'd' ? { pool: 'mysql' } : {}));
    const s = new TestScheduler([model(tasks)], NOW, {
      slots: 3,
      pools: new Map([['mysql', 2]]),
      runsKept: 10,
    });
    s.trigger();
    expect(s.states()).toBe('a:running b:running c:scheduled d:running');
    s.finish('a');
    expect(s.states()).toBe('a:success b:running c:running d:running');
  });

  it('old runs are forgotten', () => {
    const s = new TestScheduler([model([task('a')])], NOW, { ...CAPACITY, runsKept: 2 });
    for (const runId of ['r1', 'r2', 'r3']) {
      s.nowMs++;
      s.trigger('d', runId);
      s.finish('a', undefined, runId);
    }
    expect([...s.state.runs.values()].map((run) => run.runId)).toEqual(['r2', 'r3']);
    expect(s.state.tasks.size).toBe(2);
  });
});

it('calls back for tasks and runs, each once', () => {
  const callbacks = { onSuccess: shell, onFailure: shell, onRetry: shell };
  const s = new TestScheduler(
    [
      model(
        [task('a', { retries: 1, retryDelayMs: 0, callbacks }), task('b', { upstream: ['a'], callbacks })],
        {
          callbacks: { ...NO_CALLBACKS, onFailure: shell },
        },
      ),
    ],
    NOW,
  );
  s.trigger();
  s.fail('a');
  s.advance(0);
  s.finish('a');
  s.fail('b');
  expect(s.callbacks).toEqual(['a.onRetry', 'a.onSuccess', 'b.onFailure', '.onFailure']);
  expect(s.state.callbacks.size).toBe(0);
});
