import { describe, expect, it } from 'vitest';
import { lagMetrics, limitedEnd, rangesOf, rowsBetween } from '../../../../driver/stream/offset-planning.ts';

const start = { a: { 0: 100, 1: 0 }, b: { 0: 5 } };
const latest = { a: { 0: 1_100, 1: 1 }, b: { 0: 5 } };

describe('offset planning', () => {
  it('lists partitions in the order of topic and number, new ones from 0', () => {
    expect(rangesOf({ b: { 0: 5 } }, { b: { 10: 2, 0: 7 }, a: { 0: 1 } })).toEqual([
      { topic: 'a', partition: 0, from: 0, until: 1 },
      { topic: 'b', partition: 0, from: 5, until: 7 },
      { topic: 'b', partition: 10, from: 0, until: 2 },
    ]);
    expect(rowsBetween(start, latest)).toBe(1_001);
  });

  it('shares a limit in proportion and starves nobody', () => {
    expect(limitedEnd(start, latest, undefined)).toBe(latest);
    expect(limitedEnd(start, latest, 2_000)).toBe(latest);
    expect(limitedEnd(start, latest, 100)).toEqual({ a: { 0: 199, 1: 1 }, b: { 0: 5 } });
  });

  it('comes to the end in batches of the limit', () => {
    let position: typeof latest = start;
    let batches = 0;
    while (rowsBetween(position, latest) > 0) {
      const end = limitedEnd(position, latest, 300) as typeof latest;
      expect(rowsBetween(position, end)).toBeGreaterThan(0);
      expect(rowsBetween(position, end)).toBeLessThanOrEqual(301);
      position = end;
      batches++;
    }
    expect(batches).toBeLessThan(6);
  });

  it('says how far behind a query is', () => {
    expect(lagMetrics(start, latest)).toEqual({
      minOffsetsBehindLatest: '0',
      maxOffsetsBehindLatest: '1000',
      avgOffsetsBehindLatest: String(1_001 / 3),
    });
  });
});
