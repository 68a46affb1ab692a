import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hasCode } from '../../../../common/quarry-error.ts';
import { Decoder, decodeValue, Encoder, encodeValue } from '../../../../namenode/namespace/codec.ts';
import {
  blockKey,
  idAt,
  inodeKey,
  keyBytes,
  nameInKey,
  rangeOf,
} from '../../../../namenode/namespace/keys.ts';
import { BLOCKS, type FileInode, INODES } from '../../../../namenode/namespace/records.ts';

const file: FileInode = {
  kind: 'file',
  id: 7,
  owner: 'ann',
  group: 'staff',
  mode: 0o640,
  modifiedMs: 1_700_000_000_000,
  accessedMs: 0,
  replication: 3,
  blockSizeBytes: 2 ** 40,
  lengthBytes: 2 ** 52,
  underConstruction: true,
  generation: 4,
  blockCount: 2,
  blocks: [1_073_741_825, 1_073_741_826],
};

describe('codec', () => {
  it('gives back what was put in, up to 2^53-1 and any text', () => {
    fc.assert(
      fc.property(
        fc.maxSafeNat(),
        fc.string({ unit: 'grapheme' }),
        fc.array(fc.nat()),
        (number, text, numbers) => {
          const out = new Encoder();
          out.uint(number);
          out.text(text);
          out.uints(numbers);
          const from = new Decoder(out.take());
          expect([from.uint(), from.text(), from.uints()]).toEqual([number, text, numbers]);
        },
      ),
    );
  });

  it('finds every single flipped bit, and a value under another key', () => {
    const key = keyBytes(inodeKey(1, 'f'));
    const value = encodeValue(INODES, key, file);
    expect(decodeValue(INODES, key, value)).toEqual(file);
    for (let bit = 8; bit < value.length * 8; bit++) {
      const damaged = Buffer.from(value);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => decodeValue(INODES, key, damaged)).toThrow(/damaged/);
    }
    try {
      decodeValue(INODES, keyBytes(inodeKey(1, 'g')), value);
      expect.unreachable();
    } catch (thrown) {
      expect(hasCode(thrown, 'METADATA_DAMAGED')).toBe(true);
    }
  });

  it('refuses a value of a newer version instead of misreading it', () => {
    const key = keyBytes(blockKey(1));
    const value = encodeValue(BLOCKS, key, {
      id: 1,
      inodeId: 2,
      stamp: 3,
      lengthBytes: 4,
      committed: true,
      target: 3,
    });
    value[0] = 9;
    expect(() => decodeValue(BLOCKS, key, value)).toThrow(/newer version/);
  });
});

describe('keys', () => {
  it('sort as their ids and names do', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.maxSafeNat(), (a, b) => {
        expect(Math.sign(Buffer.compare(keyBytes(blockKey(a)), keyBytes(blockKey(b))))).toBe(
          Math.sign(a - b),
        );
        expect(idAt(keyBytes(blockKey(a)), 1)).toBe(a);
      }),
    );
    expect(nameInKey(keyBytes(inodeKey(5, 'größe-日本')))).toBe('größe-日本');
  });

  it('make ranges that hold a prefix and nothing else', () => {
    const { gte, lt } = rangeOf(`B${String.fromCharCode(0xff)}`);
    expect(gte).toEqual(Buffer.from([0x42, 0xff]));
    expect(lt).toEqual(Buffer.from([0x43]));
  });
});
