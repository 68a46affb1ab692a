import { describe, expect, it } from 'vitest';
import { murmur2, partitionOfKey } from '../../../log/murmur2.ts';

describe('murmur2', () => {
  it('equals Kafka (the vectors of its own tests)', () => {
    const vectors: [string, number][] = [
      ['21', -973932308],
      ['foobar', -790332482],
      ['a-little-bit-long-string', -985981536],
      ['a-little-bit-longer-string', -1486304829],
      ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
      ['abc', 479470107],
    ];
    for (const [text, hash] of vectors) expect(murmur2(Buffer.from(text)) | 0).toBe(hash);
  });

  it('gives a partition for negative hashes too', () => {
    for (let index = 0; index < 1_000; index++) {
      const partition = partitionOfKey(Buffer.from(`k${index}`), 7);
      expect(partition >= 0 && partition < 7).toBe(true);
    }
  });
});
