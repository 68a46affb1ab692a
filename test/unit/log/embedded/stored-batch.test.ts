import { describe, expect, it } from 'vitest';
import { ColumnBuilder } from '../../../../log/column-builder.ts';
import {
  decodeStored,
  encodeStoredBatch,
  placeBatch,
  storedHead,
  verifyStored,
} from '../../../../log/embedded/stored-batch.ts';
import type { RecordInput } from '../../../../log/log.ts';

const PLACE = { topicId: 3, partition: 1 };

function stored(records: readonly RecordInput[], deltas?: readonly number[]): Buffer {
  const bytes = encodeStoredBatch(records, deltas);
  const last = deltas?.at(-1) ?? records.length - 1;
  placeBatch(bytes, PLACE, { baseOffset: 100, lastOffset: 100 + last, appendedMs: 77 });
  return bytes;
}

const RECORDS: readonly RecordInput[] = [
  { topic: 't', key: Buffer.from('k'), value: Buffer.from('one'), timestampMs: 5 },
  { topic: 't', key: null, value: null, timestampMs: 9 },
  { topic: 't', key: Buffer.alloc(0), value: Buffer.from('three'), timestampMs: 7 },
];

describe('stored batch', () => {
  it('gives back its records, with gaps too', () => {
    for (const deltas of [undefined, [0, 4, 9]]) {
      const columns = new ColumnBuilder();
      const bytes = stored(RECORDS, deltas);
      decodeStored(bytes, columns, { from: 0, until: Number.POSITIVE_INFINITY });
      expect(columns.offsets).toEqual((deltas ?? [0, 1, 2]).map((delta) => 100 + delta));
      expect(columns.values.map((value) => value?.toString())).toEqual(['one', undefined, 'three']);
      expect(columns.keys.map((key) => key?.toString())).toEqual(['k', undefined, '']);
      expect(columns.timestampsMs).toEqual([5, 9, 7]);
      expect(storedHead(bytes)).toMatchObject({
        count: 3,
        baseOffset: 100,
        maxTimestampMs: 9,
        appendedMs: 77,
      });
    }
  });

  it('is known to be damaged whichever bit changed, and in another place', () => {
    const bytes = stored(RECORDS);
    verifyStored(bytes, PLACE, 't');
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const damaged = Buffer.from(bytes);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => verifyStored(damaged, PLACE, 't'), `bit ${bit}`).toThrow(/damaged/);
    }
    expect(() => verifyStored(bytes, { topicId: 3, partition: 2 }, 't')).toThrow(/damaged/);
    expect(() => verifyStored(bytes.subarray(0, 20), PLACE, 't')).toThrow(/damaged/);
  });
});
