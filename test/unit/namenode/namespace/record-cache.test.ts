import { expect, it } from 'vitest';
import { RecordCache } from '../../../../namenode/namespace/record-cache.ts';

it('keeps what is read, forgets what is not, and never shows an older record', () => {
  const cache = new RecordCache(8);
  cache.add('I-hot', 1);
  for (let i = 0; i < 100; i++) {
    cache.add(`I${i}`, i);
    expect(cache.get('I-hot')).toBe(1);
    expect(cache.size).toBeLessThanOrEqual(8);
  }
  expect(cache.get('I0')).toBeUndefined();
  cache.update('I-hot', 2);
  expect(cache.get('I-hot')).toBe(2);
  cache.update('I-hot', undefined);
  expect(cache.get('I-hot')).toBeUndefined();
  cache.add('B1', 'blocks are not kept');
  expect(cache.get('B1')).toBeUndefined();
});

it('keeps the links that were asked for, and not those of every new inode', () => {
  const cache = new RecordCache(8);
  cache.update('N1', 'new');
  expect(cache.get('N1')).toBeUndefined();
  cache.add('N1', 'read');
  expect(cache.get('N1')).toBe('read');
  cache.update('N1', 'moved');
  expect(cache.get('N1')).toBe('moved');
  // Also when it has come to the older half.
  for (let i = 0; i < 4; i++) cache.add(`I${i}`, i);
  cache.update('N1', 'moved again');
  expect(cache.get('N1')).toBe('moved again');
  cache.update('N1', undefined);
  expect(cache.get('N1')).toBeUndefined();
});
