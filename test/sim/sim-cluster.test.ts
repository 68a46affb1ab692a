import { describe, expect, it } from 'vitest';
import seeds from './seeds.json' with { type: 'json' };
import { runSeed } from './sim-cluster.ts';

/** QUARRY_SEEDS=100-200 runs those; otherwise the seeds that once failed, and as many of the first as the time allows. */
const [first, last] = (process.env['QUARRY_SEEDS'] ?? '1-50').split('-').map(Number) as [number, number?];
const chosen = [
  ...new Set([
    ...seeds.regressions,
    ...Array.from({ length: (last ?? first) - first + 1 }, (_, i) => first + i),
  ]),
];

describe('a cluster under faults', () => {
  it('runs one seed the same way twice', async () => {
    const once = await runSeed(chosen[0]!);
    expect((await runSeed(chosen[0]!)).trace).toBe(once.trace);
  });

  it('is seen to lose data when the disks do not sync their older logs', async () => {
    // The checks must be able to fail: with this fault in the disks a closed file does not survive a power cut.
    const failures: string[] = [];
    for (let seed = 1; seed <= 60 && failures.length === 0; seed++) {
      await runSeed(seed, { disks: { syncsLogs: false } }).catch((thrown: Error) =>
        failures.push(thrown.message),
      );
    }
    expect(failures.join()).toMatch(/not whole|damaged|wrong bytes|cannot read/);
  });

  it.each(chosen)('keeps its promises with seed %i', async (seed) => {
    const outcome = await runSeed(seed);
    expect(outcome.counters['write'] ?? 0).toBeGreaterThan(0);
  });
});
