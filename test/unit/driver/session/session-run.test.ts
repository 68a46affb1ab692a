import { describe, expect, it } from 'vitest';
import { runIdentity, SessionRun } from '../../../../driver/session/session-run.ts';

const headers = (values: Record<string, string>) => runIdentity((name) => values[name]);

describe('the run of a session', () => {
  it('is what the headers say, percent-encoded or not', () => {
    expect(
      headers({ 'x-quarry-dag': 'd%C3%A4g', 'x-quarry-task': '100%', 'x-quarry-run-id': 'r 1' }),
    ).toEqual({
      dag: 'däg',
      task: '100%',
      runId: 'r 1',
    });
    expect(headers({ 'x-quarry-dag': 'd' })).toBeUndefined();
    expect(headers({ 'x-quarry-run-id': 'r' })).toEqual({ dag: '', task: '', runId: 'r' });
  });

  it('counts every write, and the first headers that name a run stay', () => {
    const run = new SessionRun();
    expect(run.nextKey()).toBeUndefined();
    run.identify(undefined);
    run.identify({ dag: 'd', task: 't', runId: 'r' });
    run.identify({ dag: 'd', task: 't', runId: 'other' });
    expect(run.nextKey()).toEqual({ kind: 'run', dag: 'd', task: 't', runId: 'r', ordinal: 1 });
    expect(run.nextKey()).toMatchObject({ ordinal: 2 });
  });
});
