import { beforeEach, describe, expect, it } from 'vitest';
import { AttemptTable, runIdentity, SessionRun } from '../../../../driver/session/session-run.ts';

const headers = (values: Record<string, string>) => runIdentity((name) => values[name]);

describe('the run of a session', () => {
  it('is what the headers say, percent-encoded or not', () => {
    expect(
      headers({ 'x-quarry-dag': 'd%C3%A4g', 'x-quarry-task': '100%', 'x-quarry-run-id': 'r 1' }),
    ).toEqual({
      dag: 'däg',
      task: '100%',
      runId: 'r 1',
      attempt: '',
    });
    expect(headers({ 'x-quarry-dag': 'd' })).toBeUndefined();
    expect(headers({ 'x-quarry-run-id': 'r', 'x-quarry-attempt': 'a%2F1' })).toEqual({
      dag: '',
      task: '',
      runId: 'r',
      attempt: 'a/1',
    });
  });

  it('gives no keys before it is known, and the first headers that name one stay', () => {
    const run = new SessionRun();
    expect(run.begin(write('t')).key).toBeUndefined();
    run.identify(undefined);
    run.identify(identity('r'));
    run.identify(identity('other'));
    expect(run.begin(write('t')).key).toEqual({ kind: 'run', dag: 'd', task: 't', runId: 'r', ordinal: 0 });
  });
});

const identity = (runId: string, attempt = '') => ({ dag: 'd', task: 't', runId, attempt });
const write = (target: string, fingerprint = 'q', name = '') => ({
  target,
  name,
  fingerprint: () => fingerprint,
});

describe('the number of a write', () => {
  let run: SessionRun;
  beforeEach(() => {
    run = new SessionRun();
    run.identify(identity('r'));
  });
  const numbers = (...targets: string[]) =>
    targets.map((target) => (run.begin(write(target)).key as { ordinal: number }).ordinal);

  it('counts for each table, whatever is written to others in between', () => {
    expect(numbers('a', 'b', 'a', 'b')).toEqual([0, 0, 1, 1]);
  });

  it('stays with a write that failed and is tried again, and is nobody else’s', () => {
    run.begin(write('a', 'first')).failed();
    expect(run.begin(write('a', 'second')).key).toMatchObject({ ordinal: 1 });
    expect(run.begin(write('a', 'first')).key).toMatchObject({ ordinal: 0 });
    expect(run.begin(write('a', 'first')).key).toMatchObject({ ordinal: 2 });
  });

  it('goes on over the sessions of one try, and begins again with the next', () => {
    const attempts = new AttemptTable();
    const next = (attempt: string) => {
      const session = new SessionRun();
      session.identify(identity('r', attempt), attempts);
      return session.begin(write('a')).key;
    };
    expect([next('1'), next('1'), next('2')]).toMatchObject([{ ordinal: 0 }, { ordinal: 1 }, { ordinal: 0 }]);
    // Nobody says which try it is: then each session is one.
    expect([next(''), next('')]).toMatchObject([{ ordinal: 0 }, { ordinal: 0 }]);
  });

  it('gives way to a name, which a batch of a stream needs to have a key at all', () => {
    expect(run.begin(write('a', 'q', 'daily')).key).toMatchObject({ name: 'daily', ordinal: 0 });
    expect(run.begin(write('a'), true).key).toBeUndefined();
    expect(run.begin(write('a', 'q', 'batch-7'), true).key).toMatchObject({ name: 'batch-7' });
    expect(numbers('a')).toEqual([0]);
  });
});
