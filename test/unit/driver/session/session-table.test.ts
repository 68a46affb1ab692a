import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Clock, Timer } from '../../../../common/seams/clock.ts';
import type { LogicalPlan } from '../../../../driver/plan/logical-plan.ts';
import { SessionTable } from '../../../../driver/session/session-table.ts';

/** A clock that goes on when it is told to. */
class HandClock implements Clock {
  #nowMs = 0;
  readonly #timers: { atMs: number; run: () => void }[] = [];

  nowMs = () => this.#nowMs;
  monoMs = () => this.#nowMs;
  sleep = () => Promise.resolve();

  setTimer(delayMs: number, run: () => void): Timer {
    const timer = { atMs: this.#nowMs + delayMs, run };
    this.#timers.push(timer);
    return { cancel: () => void this.#timers.splice(this.#timers.indexOf(timer), 1) };
  }

  advance(toMs: number): void {
    for (;;) {
      const next = this.#timers.toSorted((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined || next.atMs > toMs) break;
      this.#timers.splice(this.#timers.indexOf(next), 1);
      this.#nowMs = next.atMs;
      next.run();
    }
    this.#nowMs = toMs;
  }
}

const plan: LogicalPlan = { kind: 'one-row', output: [] };

function table() {
  const clock = new HandClock();
  const sessions = new SessionTable({
    clock,
    resolveFiles: () => Promise.reject(new Error('none')),
    idleMsMax: 600_000,
  });
  const key = (userId: string, sessionId: string) => ({
    userId,
    sessionId,
    observedServerSideSessionId: undefined,
  });
  return { clock, sessions, key };
}

describe('SessionTable', () => {
  it('gives the same session to the same user and id only', () => {
    const { sessions, key } = table();
    const id = randomUUID();
    const mine = sessions.open(key('ann', id));
    expect(sessions.open(key('ann', id))).toBe(mine);
    expect(sessions.open(key('bo', id))).not.toBe(mine);
  });

  it('ends a session that is not used, but none that works', () => {
    const { clock, sessions, key } = table();
    const [idle, used, busy] = [randomUUID(), randomUUID(), randomUUID()] as const;
    sessions.open(key('u', idle));
    sessions.open(key('u', used));
    const operation = {
      operationId: 'op',
      tags: [],
      isRunning: true,
      interrupt: () => undefined,
      close: () => undefined,
    };
    sessions.open(key('u', busy)).operations.set('op', operation);
    clock.advance(500_000);
    sessions.open(key('u', used));
    clock.advance(700_000);
    expect(sessions.size).toBe(2);
    expect(() => sessions.open(key('u', idle))).toThrow('INVALID_HANDLE.SESSION_CLOSED');
  });

  it('lets a released session come back only when it said so', () => {
    const { sessions, key } = table();
    const id = randomUUID();
    sessions.open(key('u', id)).views.temporary.put('v', plan, true);
    sessions.release(key('u', id), true);
    expect(sessions.open(key('u', id)).tempView('v')).toBeUndefined();
    sessions.release(key('u', id), false);
    expect(() => sessions.open(key('u', id))).toThrow('SESSION_CLOSED');
  });

  it('knows a session of another driver by the id that the client has seen', () => {
    const { sessions, key } = table();
    const id = randomUUID();
    const stale = { ...key('u', id), observedServerSideSessionId: randomUUID() };
    expect(() => sessions.open(stale)).toThrow('SESSION_CHANGED');
    const session = sessions.open(key('u', id));
    expect(() => sessions.open(stale)).toThrow('SESSION_CHANGED');
    expect(sessions.open({ ...stale, observedServerSideSessionId: session.serverSideSessionId })).toBe(
      session,
    );
    expect(() => sessions.get(key('u', randomUUID()))).toThrow('SESSION_NOT_FOUND');
  });

  it('clones settings, views and data, and nothing after that', () => {
    const { sessions, key } = table();
    const [from, to] = [randomUUID(), randomUUID()] as const;
    const source = sessions.open(key('u', from));
    source.settings.set('spark.sql.ansi.enabled', 'false');
    source.views.temporary.put('v', plan, true);
    source.artifacts.put('cache/a', Buffer.from('x'));
    const clone = sessions.clone(key('u', from), to);
    source.views.temporary.drop('v');
    expect(clone.tempView('V')).toBe(plan);
    expect(clone.settings.get('spark.sql.ansi.enabled')).toBe('false');
    expect(clone.artifacts.has('cache/a')).toBe(true);
    expect(() => sessions.clone(key('u', from), to)).toThrow('takes a new UUID');
  });
});

describe('views', () => {
  it('are found without case, by back-ticks and through global_temp in every session', () => {
    const { sessions, key } = table();
    const [mine, other] = [
      sessions.open(key('u', randomUUID())),
      sessions.open(key('u', randomUUID())),
    ] as const;
    mine.views.temporary.put('Sales', plan, false);
    expect(mine.tempView('`sales`')).toBe(plan);
    expect(other.tempView('sales')).toBeUndefined();
    mine.views.global.put('G', plan, false);
    expect(other.tempView('global_temp.g')).toBe(plan);
    expect(() => mine.views.temporary.put('SALES', plan, false)).toThrow('TEMP_TABLE_OR_VIEW_ALREADY_EXISTS');
    expect([mine.views.drop('global_temp.G'), mine.views.drop('global_temp.G')]).toEqual([true, false]);
  });
});

describe('artifacts', () => {
  it('are bounded and only local data', () => {
    const { sessions, key } = table();
    const { artifacts } = sessions.open(key('u', randomUUID()));
    expect(() => artifacts.put('pyfiles/a.py', Buffer.from('x'))).toThrow('only local data is taken');
    expect(() => artifacts.put('cache/a', { length: 600 * 1024 * 1024 } as Uint8Array)).toThrow(
      'write it to a file',
    );
  });
});
