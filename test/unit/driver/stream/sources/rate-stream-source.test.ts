import { describe, expect, it } from 'vitest';
import type { Clock } from '../../../../../common/seams/clock.ts';
import type { SourceLeaf } from '../../../../../driver/stream/compile-query.ts';
import { RateStreamSource } from '../../../../../driver/stream/sources/rate-stream-source.ts';

function rate(options: Record<string, string>, nowMs = () => 0): RateStreamSource {
  const leaf: SourceLeaf = {
    kind: 'stream-source',
    output: [],
    format: 'rate',
    options,
    userSchema: undefined,
  };
  return new RateStreamSource(leaf, { nowMs } as Clock);
}

describe('the rate source', () => {
  it('rises to its rate in equal steps, as Spark has them', () => {
    const source = rate({ rowsPerSecond: '100', rampUpTime: '5s' });
    const rows = [0, 1, 2, 3, 4, 5, 6].map((seconds) =>
      source.rows({ startMs: 0, seconds }, { startMs: 0, seconds: seconds + 1 }),
    );
    expect(rows).toEqual([16, 32, 48, 64, 80, 100, 100]);
    expect(source.description).toBe('RateStreamV2[rowsPerSecond=100, rampUpTimeSeconds=5, numPartitions=1]');
  });

  it('counts whole seconds of the clock, and never back', async () => {
    let nowMs = 10_000;
    const source = rate({ rowsPerSecond: '3' }, () => nowMs);
    const start = await source.initial();
    nowMs = 13_900;
    const latest = await source.latest(start);
    expect(source.rows(start, latest)).toBe(9);
    nowMs = 9_000;
    expect(await source.latest(latest)).toEqual(latest);
  });

  it('refuses times that are none', () => {
    expect(() => rate({ rampUpTime: 'soon' })).toThrow(/seconds \(s\)/);
    expect(() => rate({ rowsPerSecond: '0' })).toThrow(/positive/);
  });
});
