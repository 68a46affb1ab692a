import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planBlocks } from '../../../../client/ingest/block-plan.ts';

const groups = (...sizes: number[]) => {
  let at = 4;
  return sizes.map((size) => ({ startBytes: at, endBytes: (at += size) }));
};

describe('planBlocks', () => {
  it('ends a block early where the next row group would not fit', () => {
    expect(planBlocks(groups(40, 40, 40), 134, 100)).toEqual([
      { startBytes: 0, endBytes: 84 },
      { startBytes: 84, endBytes: 134 },
    ]);
  });

  it('gives the footer a block of its own when the last one has no room for it', () => {
    expect(planBlocks(groups(90), 134, 100)).toEqual([
      { startBytes: 0, endBytes: 94 },
      { startBytes: 94, endBytes: 134 },
    ]);
  });

  it('cuts a footer that is larger than a block', () => {
    expect(planBlocks([], 250, 100).map((block) => block.endBytes)).toEqual([100, 200, 250]);
  });

  it('refuses a row group that no block can hold', () => {
    expect(() => planBlocks(groups(97), 120, 100)).toThrow(/give a larger --block-size/);
    expect(() => planBlocks(groups(10, 101), 130, 100)).toThrow(/101 bytes/);
  });

  it('covers the file with blocks that fit and cut no row group', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 96 }), { maxLength: 30 }),
        fc.integer({ min: 8, max: 300 }),
        (sizes, footer) => {
          const rowGroups = groups(...sizes);
          const lengthBytes = (rowGroups.at(-1)?.endBytes ?? 4) + footer;
          const blocks = planBlocks(rowGroups, lengthBytes, 100);
          expect(blocks[0]!.startBytes).toBe(0);
          expect(blocks.at(-1)!.endBytes).toBe(lengthBytes);
          blocks.forEach((block, i) => {
            if (i > 0) expect(block.startBytes).toBe(blocks[i - 1]!.endBytes);
            expect(block.endBytes - block.startBytes).toBeLessThanOrEqual(100);
          });
          for (const group of rowGroups) {
            const holding = blocks.filter(
              (block) => block.startBytes <= group.startBytes && group.endBytes <= block.endBytes,
            );
            expect(holding).toHaveLength(1);
          }
        },
      ),
    );
  });
});
