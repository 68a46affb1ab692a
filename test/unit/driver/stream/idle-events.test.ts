import { expect, it } from 'vitest';
import { IdleEvents } from '../../../../driver/stream/idle-events.ts';

it('idle events come at once without a batch, then as far apart as they should, and anew after one', () => {
  const events = new IdleEvents(10_000);
  expect([0, 100, 9_999, 10_000, 10_100].map((nowMs) => events.isDue(nowMs))).toEqual([
    true,
    false,
    false,
    true,
    false,
  ]);
  events.batchDone(19_000);
  expect([20_000, 28_999, 29_000].map((nowMs) => events.isDue(nowMs))).toEqual([false, false, true]);
});
