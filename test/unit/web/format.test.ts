import { describe, expect, it } from 'vitest';
import {
  asSentence,
  formatCount,
  formatDuration,
  formatInstant,
  formatMinute,
  formatRate,
  formatShare,
} from '../../../web/format.ts';
import { sparkline } from '../../../web/sparkline.ts';
import { taskSign } from '../../../web/task-state.ts';

describe('figures of the page', () => {
  it('are grouped and short', () => {
    expect(formatCount(1_234_567)).toBe('1,234,567');
    expect(formatCount(null)).toBe('–');
    expect(formatRate(4.237)).toBe('4.2');
    expect(formatRate(4_237.4)).toBe('4,237');
    expect(formatRate(0)).toBe('0');
    expect(formatShare(1, 3)).toBe('33.3%');
    expect(formatShare(0, 0)).toBe('0.0%');
  });

  it.each([
    [0, '0 ms'],
    [850, '850 ms'],
    [9_999, '9 s'],
    [603_000, '10 min 3 s'],
    [600_000, '10 min'],
    [12_000_000, '3 h 20 min'],
    [4 * 86_400_000 + 2 * 3_600_000, '4 d 2 h'],
    [-5, '0 ms'],
    [null, '–'],
  ])('a duration of %s ms is %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  it('are in UTC, whatever the zone of the browser', () => {
    expect(formatMinute(Date.parse('2026-11-22T23:05:00Z'))).toBe('23:05');
    expect(formatInstant('2026-11-22T23:05:09+01:00')).toBe('22 Nov 2026 22:05:09');
    expect(formatInstant(null)).toBe('–');
  });

  it('end as sentences do, once', () => {
    expect(asSentence('is it up?')).toBe('is it up?');
    expect(asSentence('it is down')).toBe('it is down.');
  });

  it('draw a line from left to right', () => {
    expect(sparkline([0, 10, 5], 100, 22)).toBe('M0.0 21.0L50.0 1.0L100.0 11.0');
    expect(sparkline([1], 100, 22)).toBe('');
    expect(sparkline([0, 0], 100, 22)).toBe('M0.0 21.0L100.0 21.0');
  });

  it('have a sign for a state that nobody knows', () => {
    expect(taskSign('success').sign).toBe('✓');
    expect(taskSign('paused').label).toBe('paused');
  });
});
