import { expect, it } from 'vitest';
import { closedDays } from '../../../../services/landing/closed-days.ts';

it('a day is closed when the watermark has reached its end', () => {
  const days = ['2026/11/20', '2026/11/21', 'notes/11/21'];
  const midnight = Date.UTC(2026, 10, 22);
  expect(closedDays(days, midnight - 1)).toEqual(['2026/11/20']);
  expect(closedDays(days, midnight)).toEqual(['2026/11/20', '2026/11/21']);
  expect(closedDays(days, Number.POSITIVE_INFINITY)).toEqual(['2026/11/20', '2026/11/21']);
});
