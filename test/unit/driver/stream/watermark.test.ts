import { describe, expect, it } from 'vitest';
import { advance, watermarkOf } from '../../../../driver/stream/watermark.ts';

const at = (highestUs: number | undefined, more: { hasRecords?: boolean; idle?: boolean } = {}) => ({
  highestUs,
  hasRecords: true,
  idle: false,
  ...more,
});

describe('the watermark', () => {
  it('is the minimum over the partitions, behind by the delay', () => {
    expect(watermarkOf([at(100), at(70), at(90)], 10)).toBe(60);
  });

  it('excepts partitions that never had a record, and waits for those whose records have no time yet', () => {
    expect(watermarkOf([at(100), at(undefined, { hasRecords: false })], 10)).toBe(90);
    expect(watermarkOf([at(100), at(undefined)], 10)).toBeUndefined();
    expect(watermarkOf([], 10)).toBeUndefined();
  });

  it('passes over idle partitions unless all are', () => {
    expect(watermarkOf([at(100), at(20, { idle: true })], 10)).toBe(90);
    expect(watermarkOf([at(100, { idle: true }), at(20, { idle: true })], 10)).toBe(10);
  });

  it('never goes back, and is the lowest of several sources', () => {
    expect(advance(undefined, [5, 9])).toBe(5);
    expect(advance(7, [5, 9])).toBe(7);
    expect(advance(7, [8, undefined])).toBe(7);
    expect(advance(7, [])).toBe(7);
  });
});
