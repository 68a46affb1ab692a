import { describe, expect, it } from 'vitest';
import { model, task, TestScheduler } from './fixture.ts';

const NOW = Date.parse('2026-11-22T12:00:00Z');

describe('backfill', () => {
  const request = {
    kind: 'backfill',
    dagId: 'd',
    fromMs: Date.parse('2026-11-01'),
    toMs: Date.parse('2026-11-03'),
    maxActiveRuns: 1,
    isReversed: false,
    rerun: 'none',
    params: {},
  } as const;

  it('runs the dates one after the other, or backwards', () => {
    for (const isReversed of [false, true]) {
      const s = new TestScheduler([model([task('a')])], NOW);
      const { runIds } = s.send({ kind: 'request', request: { ...request, isReversed } })!;
      const dates = runIds.map((runId) => runId.slice(10, 20));
      const order = ['2026-11-01', '2026-11-02', '2026-11-03'];
      expect(dates).toEqual(isReversed ? order.toReversed() : order);
      for (const runId of runIds) {
        expect(s.live.size).toBe(1);
        s.finish('a', undefined, runId);
      }
      expect(s.activeRunIds()).toEqual([]);
    }
  });

  it('leaves dates alone that have a run, unless asked to run them again', () => {
    const s = new TestScheduler([model([task('a')])], NOW);
    const first = s.send({ kind: 'request', request: { ...request, maxActiveRuns: 3 } })!;
    s.fail('a', first.runIds[0]);
    s.finish('a', undefined, first.runIds[1]);
    s.finish('a', undefined, first.runIds[2]);
    expect(s.send({ kind: 'request', request })!.skipped.length).toBe(3);
    const failed = s.send({ kind: 'request', request: { ...request, rerun: 'failed' } })!;
    expect(failed.runIds).toEqual([first.runIds[0]]);
    s.finish('a', undefined, failed.runIds[0]);
    expect(s.run(failed.runIds[0]).state).toBe('success');
    expect(s.send({ kind: 'request', request: { ...request, rerun: 'all' } })!.runIds.length).toBe(3);
  });

  it('of too many dates, or of dates in the wrong order, is refused', () => {
    const s = new TestScheduler([model([task('a')])], NOW);
    expect(() =>
      s.send({ kind: 'request', request: { ...request, fromMs: Date.parse('2016-01-01') } }),
    ).toThrow(/takes 1000/);
    expect(() => s.send({ kind: 'request', request: { ...request, toMs: 0 } })).toThrow(
      /1970-01-01, is before its first, 2026-11-01/,
    );
    const future = { ...request, fromMs: NOW, toMs: NOW + 86_400_000 };
    expect(() => s.send({ kind: 'request', request: future })).toThrow(/no run of d .* is due/);
  });
});

describe('clear', () => {
  const clear = { kind: 'clear', dagId: 'd', runId: 'r', withDownstream: true, onlyFailed: false } as const;

  it('runs a task and what comes after it again, with tries anew', () => {
    const s = new TestScheduler(
      [model([task('a'), task('b', { upstream: ['a'], retries: 1 }), task('c', { upstream: ['b'] })])],
      NOW,
    );
    s.trigger();
    for (const id of ['a', 'b', 'c']) s.finish(id);
    s.send({ kind: 'request', request: { ...clear, taskIds: ['b'] } });
    expect(s.states()).toBe('a:success b:running c:none');
    expect([s.task('b')!.tryNumber, s.task('b')!.clears]).toEqual([2, 1]);
    s.fail('b');
    expect(s.task('b')!.state).toBe('up_for_retry');
    s.advance(1_000);
    s.finish('b');
    s.finish('c');
    expect(s.run().state).toBe('success');
    expect(s.started).toEqual(['a', 'b', 'c', 'b', 'b', 'c']);
  });

  it('of a running task ends it first', () => {
    const s = new TestScheduler([model([task('a')])], NOW);
    s.trigger();
    s.send({ kind: 'request', request: { ...clear, taskIds: [] } });
    expect([s.ending.size, s.started.length]).toEqual([1, 1]);
    s.finish('a');
    expect([s.states(), s.started.length]).toEqual(['a:running', 2]);
  });

  it('of failed tasks takes those only', () => {
    const s = new TestScheduler([model([task('a'), task('b'), task('c', { upstream: ['b'] })])], NOW);
    s.trigger();
    s.finish('a');
    s.fail('b');
    s.send({ kind: 'request', request: { ...clear, taskIds: [], onlyFailed: true } });
    expect(s.states()).toBe('a:success b:running c:none');
  });

  it('of what is not there is refused', () => {
    const s = new TestScheduler([model([task('a')])], NOW);
    s.trigger();
    expect(() => s.send({ kind: 'request', request: { ...clear, taskIds: ['z'] } })).toThrow(/no task z/);
    expect(() => s.send({ kind: 'request', request: { ...clear, runId: 'q', taskIds: [] } })).toThrow(
      /no run q/,
    );
  });
});

describe('cancel', () => {
  it('ends a run whose DAG is gone meanwhile, when its attempts have ended', () => {
    const s = new TestScheduler([model([task('a'), task('b', { upstream: ['a'] })])], NOW);
    s.trigger();
    s.state.models = new Map();
    s.send({ kind: 'request', request: { kind: 'cancel', dagId: 'd', runId: 'r' } });
    expect(s.run().state).toBe('running');
    expect(s.task('a')!.ending).toBe('cancelled');
    const ended = { code: 'TASK_FAILED', message: '', details: {} } as const;
    s.send({
      kind: 'finished',
      token: { dagId: 'd', runId: 'r', taskId: 'a', attempt: 1 },
      outcome: { kind: 'failed', error: ended, isFinal: false },
    });
    expect([s.run().state, s.task('a')!.state]).toEqual(['failed', 'failed']);
    expect(() => s.send({ kind: 'request', request: { kind: 'cancel', dagId: 'd', runId: 'x' } })).toThrow(
      /no run x/,
    );
  });
});
