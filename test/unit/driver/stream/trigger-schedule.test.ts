import { describe, expect, it } from 'vitest';
import { nextTriggerMs, retryDelayMs } from '../../../../driver/stream/trigger-schedule.ts';

describe('triggers', () => {
  it('fire on multiples of the interval', () => {
    expect(nextTriggerMs(10_250, 1_000)).toBe(11_000);
    expect(nextTriggerMs(11_000, 1_000)).toBe(12_000);
    expect(nextTriggerMs(11_000, 0)).toBe(11_000);
  });

  it('are tried again more and more rarely', () => {
    expect([0, 1, 2, 3].map(retryDelayMs)).toEqual([250, 500, 1_000, 2_000]);
    expect(retryDelayMs(50)).toBe(10_000);
  });
});
