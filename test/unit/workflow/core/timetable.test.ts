import { describe, expect, it } from 'vitest';
import type { CronSchedule } from '../../../../workflow/core/dag-model.ts';
import { Timetable } from '../../../../workflow/core/timetable.ts';

function timetable(expression: string, timezone: string, semantics: CronSchedule['semantics'] = 'interval') {
  return new Timetable({ expression, timezone, semantics });
}
const at = (text: string) => Date.parse(text);
const iso = (ms: number | undefined) => (ms === undefined ? undefined : new Date(ms).toISOString());

describe('the date trap', () => {
  it('02:00 UTC: interval is about yesterday, trigger about the tick', () => {
    const now = at('2026-11-22T02:00:00Z');
    const interval = timetable('0 2 * * *', 'UTC').latestDue(now)!;
    expect(iso(interval.logicalMs)).toBe('2026-11-21T02:00:00.000Z');
    expect(iso(interval.endMs)).toBe('2026-11-22T02:00:00.000Z');
    const trigger = timetable('0 2 * * *', 'UTC', 'trigger').latestDue(now)!;
    expect(iso(trigger.logicalMs)).toBe('2026-11-22T02:00:00.000Z');
    expect(trigger.startMs).toBe(trigger.endMs);
  });

  it('02:00 Asia/Seoul is 17:00 UTC of the day before', () => {
    const now = at('2026-11-22T02:00:00+09:00');
    const trigger = timetable('0 2 * * *', 'Asia/Seoul', 'trigger').latestDue(now)!;
    expect(iso(trigger.logicalMs)).toBe('2026-11-21T17:00:00.000Z');
    const interval = timetable('0 2 * * *', 'Asia/Seoul').latestDue(now)!;
    expect(iso(interval.logicalMs)).toBe('2026-11-20T17:00:00.000Z');
  });

  it('an interval is due when it is over, not before', () => {
    const nightly = timetable('0 2 * * *', 'UTC');
    expect(iso(nightly.latestDue(at('2026-11-22T01:59:59.999Z'))!.logicalMs)).toBe(
      '2026-11-20T02:00:00.000Z',
    );
  });
});

describe('summer time', () => {
  it('a time that does not exist ticks at the end of the gap, once', () => {
    const ticks = timetable('30 2 * * *', 'America/New_York').between(at('2026-03-07'), at('2026-03-10'));
    expect(ticks.map(({ logicalMs }) => iso(logicalMs))).toEqual([
      '2026-03-07T07:30:00.000Z',
      '2026-03-08T07:00:00.000Z',
      '2026-03-09T06:30:00.000Z',
    ]);
  });

  it('a time that comes twice ticks the first time, once', () => {
    const ticks = timetable('30 1 * * *', 'America/New_York').between(at('2026-10-31'), at('2026-11-03'));
    expect(ticks.map(({ logicalMs }) => iso(logicalMs))).toEqual([
      '2026-10-31T05:30:00.000Z',
      '2026-11-01T05:30:00.000Z',
      '2026-11-02T06:30:00.000Z',
    ]);
  });

  it('intervals over a change join without gap or overlap, hourly too', () => {
    for (const [expression, from] of [
      ['30 2 * * *', '2026-03-06'],
      ['30 1 * * *', '2026-10-30'],
      ['0 * * * *', '2026-11-01'],
      ['0 * * * *', '2026-03-08'],
    ] as const) {
      const windows = timetable(expression, 'America/New_York').between(at(from), at(from) + 4 * 86_400_000);
      expect(windows.length).toBeGreaterThan(3);
      for (const [i, window] of windows.entries()) {
        if (i > 0) expect(window.startMs).toBe(windows[i - 1]!.endMs);
        expect(window.endMs).toBeGreaterThan(window.startMs);
      }
    }
  });

  it('the hour that comes twice has two hourly ticks', () => {
    const ticks = timetable('0 * * * *', 'America/New_York').between(
      at('2026-11-01T04:30:00Z'),
      at('2026-11-01T08:00:00Z'),
    );
    expect(ticks.map(({ logicalMs }) => iso(logicalMs)!.slice(11, 16))).toEqual(['05:00', '06:00', '07:00']);
  });

  it('previous undoes next', () => {
    const nightly = timetable('30 2 * * *', 'Europe/Berlin');
    for (let ms = at('2026-03-25'); ms < at('2026-04-02'); ms = nightly.next(ms)!.logicalMs) {
      const next = nightly.next(ms)!;
      expect(nightly.previous(next.logicalMs + 1)!.logicalMs).toBe(next.logicalMs);
    }
  });
});

it('refuses what is no cron or zone, or never comes', () => {
  expect(() => timetable('61 * * * *', 'UTC')).toThrow(/no cron expression/);
  expect(() => timetable('0 2 * *', 'UTC')).toThrow(/no cron expression/);
  expect(() => timetable('0 2 * * *', 'Mars/Phobos')).toThrow(/no time zone "Mars\/Phobos"/);
  expect(() => timetable('0 2 * * *', '')).toThrow(/no time zone/);
  expect(() => timetable('0 0 31 2 *', 'UTC')).toThrow(/never comes/);
});
