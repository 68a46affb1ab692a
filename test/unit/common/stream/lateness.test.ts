import { describe, expect, it } from 'vitest';
import { highestSql, lateSql } from '../../../../common/stream/lateness.ts';

describe('the rule of lateness', () => {
  it('goes by the highest before, carried in or seen', () => {
    expect(lateSql({ time: 't', highestUs: undefined, delayMs: 1_500 })).toBe(
      'coalesce(epoch_us(t) < max(epoch_us(t)) OVER (ROWS UNBOUNDED PRECEDING) - 1500000, false)',
    );
    expect(lateSql({ time: 't', highestUs: 7, delayMs: 0 })).toContain('greatest(');
    expect(highestSql({ time: 't', highestUs: 7 })).toBe('greatest(max(epoch_us(t)), 7)');
  });
});
