import { expect, it } from 'vitest';
import { retryDelayMs } from '../../../../workflow/core/retry-delay.ts';

const PLAIN = { retryDelayMs: 1_000, exponentialBackoff: false, maxRetryDelayMs: 5_000, retryJitter: 0 };
const of = (runId: string, tryNumber = 1) => ({ dagId: 'd', runId, taskId: 't', tryNumber });

it('doubles when asked, up to the longest', () => {
  const delays = (exponentialBackoff: boolean) =>
    [1, 2, 3, 4, 99].map((failures) => retryDelayMs({ ...PLAIN, exponentialBackoff }, failures, of('r')));
  expect(delays(false)).toEqual([1_000, 1_000, 1_000, 1_000, 1_000]);
  expect(delays(true)).toEqual([1_000, 2_000, 4_000, 5_000, 5_000]);
});

it('spreads with jitter, the same for the same try', () => {
  const model = { ...PLAIN, retryJitter: 0.5 };
  const delays = Array.from({ length: 200 }, (_, i) => retryDelayMs(model, 1, of(`r${i}`)));
  expect(Math.min(...delays)).toBeGreaterThanOrEqual(1_000);
  expect(Math.max(...delays)).toBeLessThanOrEqual(1_500);
  expect(Math.max(...delays) - Math.min(...delays)).toBeGreaterThan(400);
  expect(new Set(delays).size).toBeGreaterThan(100);
  expect(retryDelayMs(model, 1, of('r7'))).toBe(delays[7]);
  expect(retryDelayMs(model, 1, of('r7', 2))).not.toBe(delays[7]);
  expect(retryDelayMs({ ...model, maxRetryDelayMs: 1_001 }, 1, of('r7'))).toBeLessThanOrEqual(1_001);
});
