import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeExtents,
  encodeExtents,
  type Extent,
  extentsEnd,
  findExtent,
  truncated,
  withChunk,
} from '../../../../datanode/store/extent.ts';

const chunk = (seq: number, offsetBytes: number, lengthBytes: number) => ({
  seq,
  blockId: 1,
  generationStamp: 3,
  offsetBytes,
  lengthBytes,
});

/** Appends (places in the block as fractions of what is there) and cuts, as a block's life has them. */
const life = fc.array(
  fc.record({
    cut: fc.boolean(),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    length: fc.integer({ min: 1, max: 4000 }),
  }),
  { maxLength: 40 },
);

describe('extents', () => {
  it('cover the block without gap or overlap whatever is appended and cut, and the newer bytes win', () => {
    fc.assert(
      fc.property(life, (steps) => {
        let extents: Extent[] = [];
        // Which chunk each run of 512 bytes comes from.
        let model: number[] = [];
        let end = 0;
        steps.forEach(({ cut, at, length }, seq) => {
          if (cut) {
            end = Math.floor(end * at);
            extents = truncated(extents, end);
            model = model.slice(0, Math.ceil(end / 512));
            return;
          }
          const offset = Math.floor((end * at) / 512) * 512;
          extents = withChunk(extents, chunk(seq, offset, length));
          const chunkEnd = offset + length;
          const covered = chunkEnd < end ? Math.floor(chunkEnd / 512) : Math.ceil(chunkEnd / 512);
          for (let run = offset / 512; run < covered; run++) model[run] = seq;
          end = Math.max(end, chunkEnd);
        });
        expect(extentsEnd(extents)).toBe(end);
        let next = 0;
        for (const extent of extents) {
          expect(extent.fromBytes).toBe(next);
          expect(extent.fromBytes % 512).toBe(0);
          expect(extent.toBytes).toBeGreaterThan(extent.fromBytes);
          expect(extent.fromBytes).toBeGreaterThanOrEqual(extent.offsetBytes);
          expect(extent.toBytes).toBeLessThanOrEqual(extent.offsetBytes + extent.lengthBytes);
          next = extent.toBytes;
        }
        model.forEach((seq, run) => expect(extents[findExtent(extents, run * 512)]?.seq).toBe(seq));
        expect(decodeExtents(1, encodeExtents(extents))).toEqual(extents);
      }),
    );
  });
});
