import { expect, it } from 'vitest';
import { parseDay } from '../../../common/day.ts';

it('takes the days that there are, and nothing else', () => {
  expect(parseDay('2026-11-22')).toBe(Date.UTC(2026, 10, 22));
  expect(parseDay('2024-02-29')).toBe(Date.UTC(2024, 1, 29));
  for (const wrong of [
    '2026-02-29',
    '2026-02-31',
    '2026-13-01',
    '2026-11-00',
    '2026-1-1',
    '20261122',
    'today',
    '',
  ])
    expect(parseDay(wrong)).toBeUndefined();
});
