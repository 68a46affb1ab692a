import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BlockMap, CORRUPT, DURABLE, INVALIDATED } from '../../../../namenode/blocks/block-map.ts';
import { IdIndex } from '../../../../namenode/blocks/id-index.ts';

const block = (id: number, target = 3) => ({
  id,
  inodeId: 9,
  stamp: 1001,
  lengthBytes: 5,
  committed: true,
  target,
});

describe('id index', () => {
  it('behaves as a Map, whatever is put in and taken out', () => {
    const id = fc.oneof(
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 2 ** 30, max: 2 ** 30 + 60 }),
      fc.constant(2 ** 52 + 1),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), id), { maxLength: 300 }), (steps) => {
        const index = new IdIndex(8);
        const model = new Map<number, number>();
        for (const [put, key] of steps) {
          if (put) {
            index.set(key, model.size);
            model.set(key, model.size);
          } else {
            index.delete(key);
            model.delete(key);
          }
          expect(index.size).toBe(model.size);
        }
        for (const [key, row] of model) expect(index.get(key)).toBe(row);
        for (let key = 1; key <= 60; key++) expect(index.get(key)).toBe(model.get(key) ?? -1);
      }),
    );
  });
});

describe('block map', () => {
  it('keeps replicas of a block, more than four as well', () => {
    const blocks = new BlockMap();
    blocks.put(block(1, 6));
    const row = blocks.row(1);
    for (let node = 0; node < 7; node++) blocks.setReplica(row, node, DURABLE);
    expect(blocks.replicas(row)).toHaveLength(7);
    blocks.dropReplica(row, 1);
    blocks.dropReplica(row, 6);
    blocks.setReplica(row, 5, CORRUPT);
    expect(blocks.goodReplicas(row).map(({ node }) => node)).toEqual([0, 2, 3, 4]);
    expect(blocks.durableCount(row)).toBe(4);
    expect(blocks.rowsOn(5)).toEqual([row]);
    expect(blocks.rowsOn(6)).toEqual([]);
  });

  it('counts committed, available, satisfied and damaged blocks as they change', () => {
    const blocks = new BlockMap();
    const counts = () => [blocks.committed, blocks.available, blocks.satisfied, blocks.withCorrupt];
    blocks.put({ ...block(1, 2), committed: false });
    expect(counts()).toEqual([0, 0, 0, 0]);
    blocks.setReplica(blocks.row(1), 0, DURABLE);
    blocks.put(block(1, 2));
    expect(counts()).toEqual([1, 1, 0, 0]);
    blocks.setReplica(blocks.row(1), 1, 0);
    expect(counts()).toEqual([1, 1, 1, 0]);
    blocks.setReplica(blocks.row(1), 1, CORRUPT);
    expect(counts()).toEqual([1, 1, 0, 1]);
    blocks.setReplica(blocks.row(1), 1, CORRUPT | INVALIDATED);
    expect(counts()).toEqual([1, 1, 0, 0]);
    blocks.dropReplica(blocks.row(1), 0);
    expect(counts()).toEqual([1, 0, 0, 0]);
    blocks.remove(1);
    expect(counts()).toEqual([0, 0, 0, 0]);
    expect(blocks.row(1)).toBe(-1);
  });

  it('grows and reuses rows', () => {
    const blocks = new BlockMap();
    for (let id = 1; id <= 5_000; id++) blocks.put(block(2 ** 30 + id));
    for (let id = 1; id <= 5_000; id += 2) blocks.remove(2 ** 30 + id);
    const rows = blocks.rows;
    for (let id = 6_001; id <= 8_500; id++) blocks.put(block(2 ** 30 + id));
    expect(blocks.rows).toBe(rows);
    expect(blocks.size).toBe(5_000);
    expect(blocks.lengthBytes(blocks.row(2 ** 30 + 8_500))).toBe(5);
    expect(blocks.replicas(blocks.row(2 ** 30 + 8_500))).toEqual([]);
  });
});
