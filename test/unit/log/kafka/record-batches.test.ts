import { describe, expect, it } from 'vitest';
import { crc32c } from '../../../../common/checksum.ts';
import { ColumnBuilder } from '../../../../log/column-builder.ts';
import { COMPRESSIONS } from '../../../../log/kafka/compression.ts';
import { encodeBatch, packBatch } from '../../../../log/kafka/encode-batch.ts';
import { batchHeads, committed, decodeRecords, inflated } from '../../../../log/kafka/record-batches.ts';
import type { RecordInput } from '../../../../log/log.ts';

const HEAD_BYTES = 61;
const EVERYTHING = { from: 0, until: Number.POSITIVE_INFINITY };

function record(value: string | null, key: string | null = null, timestampMs = 1_000): RecordInput {
  return {
    topic: 't',
    key: key === null ? null : Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
    timestampMs,
  };
}

function placed(batch: Buffer, baseOffset: number, attributes?: number): Buffer {
  const copy = Buffer.from(batch);
  copy.writeBigInt64BE(BigInt(baseOffset), 0);
  copy.writeInt32BE(copy.length - 12, 8);
  if (attributes !== undefined) copy.writeInt16BE(attributes, 21);
  copy.writeUInt32BE(crc32c(copy.subarray(21)), 17);
  return copy;
}

function batch(baseOffset: number, values: readonly string[], producer = -1): Buffer {
  const origin = { producerId: producer, producerEpoch: 0, sequence: 0, transactional: producer >= 0 };
  return placed(
    encodeBatch(
      values.map((value) => record(value)),
      origin,
    ),
    baseOffset,
  );
}

/** A control batch: one record whose key is version and type. */
function marker(baseOffset: number, producer: number, type: 'abort' | 'commit'): Buffer {
  const origin = { producerId: producer, producerEpoch: 0, sequence: 0, transactional: true };
  const key = Buffer.from([0, 0, 0, type === 'commit' ? 1 : 0]);
  const control = encodeBatch(
    [{ topic: 't', key, value: Buffer.alloc(6), timestampMs: 1_700_000_000_000 }],
    origin,
  );
  return placed(control, baseOffset, 0x30);
}

async function decode(
  bytes: Buffer,
  aborted: { producerId: number; firstOffset: number }[] = [],
  range = EVERYTHING,
  columns = new ColumnBuilder(),
) {
  const heads = committed(bytes, batchHeads(bytes), aborted);
  const bodies = await inflated(bytes, heads);
  for (const head of heads) decodeRecords(bytes, head, bodies.get(head), columns, range);
  return columns;
}

describe('Kafka record batches', () => {
  it('give back what was encoded, whatever the times and lengths', async () => {
    const records = [
      record('a', 'k', 1_700_000_000_000),
      record(null, 'k', 0),
      record('x'.repeat(300), null, 9_007_199_254_740_991),
      record('', '', 1_700_000_000_000 - 2 ** 31),
    ];
    const origin = { producerId: 7, producerEpoch: 1, sequence: 5, transactional: false };
    const columns = await decode(placed(encodeBatch(records, origin), 2 ** 40));
    expect(columns.offsets).toEqual([0, 1, 2, 3].map((delta) => 2 ** 40 + delta));
    expect(columns.timestampsMs).toEqual(records.map(({ timestampMs }) => timestampMs));
    expect(columns.keys).toEqual(records.map(({ key }) => key));
    expect(columns.values).toEqual(records.map(({ value }) => value));
  });

  it('leave out aborted transactions and markers, and nothing else', async () => {
    const bytes = Buffer.concat([
      batch(0, ['plain']),
      batch(1, ['a1'], 5),
      batch(2, ['c1'], 6),
      batch(3, ['a2'], 5),
      marker(4, 5, 'abort'),
      batch(5, ['later'], 5),
      marker(6, 6, 'commit'),
      marker(7, 5, 'commit'),
    ]);
    const columns = await decode(bytes, [{ producerId: 5, firstOffset: 1 }]);
    expect(columns.values.map(String)).toEqual(['plain', 'c1', 'later']);
    expect(batchHeads(bytes).at(-1)!.lastOffset).toBe(7);
  });

  it('are cut to the range, and a batch that is cut short is left for the next fetch', async () => {
    const bytes = Buffer.concat([batch(10, ['a', 'b', 'c']), batch(13, ['d', 'e'])]);
    expect((await decode(bytes, [], { from: 11, until: 14 })).values.map(String)).toEqual(['b', 'c', 'd']);
    expect(batchHeads(bytes.subarray(0, -1)).map(({ lastOffset }) => lastOffset)).toEqual([12]);
    expect(batchHeads(bytes.subarray(0, 30))).toEqual([]);
  });

  it('are unpacked from every codec, as they were packed', async () => {
    const values = Array.from({ length: 2_000 }, (_, index) => `{"user":"u${index % 7}"}`);
    const plain = batch(0, values);
    for (const [id, compression] of COMPRESSIONS.entries()) {
      const packed = await packBatch(plain, compression);
      expect(packed.readInt16BE(21) & 7).toBe(id);
      expect(packed.length < plain.length / 2).toBe(compression !== 'none');
      expect((await decode(placed(packed, 20))).values.map(String), compression).toEqual(values);
    }
    // Not worth packing.
    expect((await packBatch(batch(0, ['a']), 'zstd')).readInt16BE(21)).toBe(0);
  });

  it('name a codec that nobody knows, and bytes that are not of theirs', async () => {
    const plain = batch(0, ['a', 'b']);
    await expect(decode(placed(plain, 0, 5))).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    for (const id of [1, 2, 3, 4])
      await expect(decode(placed(plain, 0, id)), `codec ${id}`).rejects.toMatchObject({ code: 'BAD_DATA' });
  });

  it('carry headers, which are read by who asks', async () => {
    const headers = [
      { key: 'trace', value: Buffer.from('1') },
      { key: '', value: null },
      { key: 'trace', value: Buffer.alloc(0) },
    ];
    const origin = { producerId: -1, producerEpoch: 0, sequence: 0, transactional: false };
    const bytes = encodeBatch(
      [{ ...record('a'), headers }, record('b'), { ...record('c'), headers: [] }],
      origin,
    );
    const columns = await decode(bytes, [], EVERYTHING, new ColumnBuilder({ headers: true }));
    expect(columns.headers).toEqual([headers, [], []]);
    expect(columns.values.map(String)).toEqual(['a', 'b', 'c']);
    expect((await decode(bytes)).headers).toBeUndefined();
  });

  it('are refused when a bit has changed', () => {
    const bytes = batch(0, ['hello']);
    bytes[HEAD_BYTES + 5]! ^= 1;
    expect(() => batchHeads(bytes)).toThrow(/checksum/);
  });
});
