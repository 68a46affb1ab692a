import type { Clock, Timer } from '../../common/seams/clock.ts';
import { loadArrow } from './arrow-rows.ts';
import { connectProtocol } from './connect-protocol.ts';

/** After that long the rest of the cluster has its processors to itself no more. */
const WARM_UP_DELAY_MS = 1_500;

/** Loads what the first query would wait for, once everybody has started. */
export function warmUp(clock: Clock): Timer {
  return clock.setTimer(WARM_UP_DELAY_MS, () => {
    connectProtocol();
    void Promise.all([import('../plan/analyzer.ts'), import('../sql/parse-sql.ts'), loadArrow()]);
  });
}
