import { gzipSync } from 'node:zlib';
import { compressSync } from 'snappy';
import { describe, expect, it } from 'vitest';
import { COMPRESSIONS, compress, DECODED_BYTES_MAX, decompress } from '../../../../log/kafka/compression.ts';
import { lz4Bound, zstdBound } from '../../../../log/kafka/decoded-bound.ts';

const [NONE, GZIP, SNAPPY, LZ4, ZSTD] = [0, 1, 2, 3, 4];
const text = Buffer.from(Array.from({ length: 50_000 }, (_, index) => `line ${index % 1_000}\n`).join(''));

describe('Kafka compression', () => {
  it('gives back what was packed, also nothing and what cannot be made smaller', async () => {
    const noise = Buffer.from(Array.from({ length: 100_000 }, (_, index) => (index * 2_654_435_761) >>> 24));
    for (const [id, name] of COMPRESSIONS.entries()) {
      for (const bytes of [text, noise, Buffer.from('a'), text.subarray(0, 65_536)]) {
        expect((await decompress(id, await compress(name, bytes))).equals(bytes), name).toBe(true);
      }
      expect(await decompress(id, Buffer.alloc(0))).toHaveLength(0);
    }
    expect(await decompress(NONE!, text)).toBe(text);
  });

  it('reads Snappy with the framing of Java clients and without any', async () => {
    const framed = await compress('snappy', text);
    expect(framed.subarray(1, 7).toString()).toBe('SNAPPY');
    expect((await decompress(SNAPPY!, compressSync(text))).equals(text)).toBe(true);
  });

  it('reads frames whose writer did not say how much they hold', async () => {
    // `zstd -c --no-check` of "abc" a hundred times, read from a pipe.
    const zstd = Buffer.from('28b52ffd005855000018616263010026aa6e08', 'hex');
    expect(zstdBound(zstd)).toBe(128 * 1024);
    const lz4 = await compress('lz4', text);
    expect(lz4Bound(lz4)).toBeGreaterThanOrEqual(text.length);
    expect(lz4Bound(lz4)).toBeLessThan(text.length + 4 * 1024 * 1024);
  });

  it('stops at a size, before the memory is taken', async () => {
    const bomb = Buffer.alloc(DECODED_BYTES_MAX + 1);
    const packed = [
      gzipSync(bomb),
      await compress('snappy', bomb),
      await compress('lz4', bomb),
      await compress('zstd', bomb),
    ];
    for (const [index, bytes] of packed.entries()) {
      expect(bytes.length).toBeLessThan(bomb.length / 10);
      await expect(decompress(index + 1, bytes)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
    }
  }, 60_000);

  it('says that bytes do not unpack', async () => {
    for (const id of [GZIP, SNAPPY, LZ4, ZSTD]) {
      const packed = await compress(COMPRESSIONS[id!]!, text);
      for (const bad of [
        packed.subarray(0, packed.length >> 1),
        Buffer.from('not packed at all'),
        Buffer.from([1]),
      ]) {
        await expect(decompress(id!, bad), COMPRESSIONS[id!]).rejects.toMatchObject({ code: 'BAD_DATA' });
      }
    }
  });
});
