import type { Random } from '../../common/seams/random.ts';

const DELAY_MS_MIN = 10;
const DELAY_MS_MAX = 500;

/** Delay before attempt `attempt` + 1 (the first is 0): doubles from 10 ms to 500 ms, with half of it left to chance so that callers spread. */
export function backoffMs(attempt: number, random: Random): number {
  const ceiling = Math.min(DELAY_MS_MAX, DELAY_MS_MIN * 2 ** Math.min(attempt, 10));
  return ceiling / 2 + random.int(Math.ceil(ceiling / 2) + 1);
}
