import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Row, rowsOfArrow, toNumber } from '../../../../common/compute/arrow-rows.ts';
import type { DataType, StructType } from '../../../../client/dataframe/data-type.ts';
import { inferSchema, localRelation } from '../../../../client/dataframe/local-relation.ts';

const struct = (fields: Record<string, DataType>): StructType => ({
  kind: 'struct',
  fields: Object.entries(fields).map(([name, type]) => ({ name, type, nullable: true })),
});
const roundTrip = (rows: readonly Row[], schema = inferSchema(rows)) =>
  rowsOfArrow(localRelation(rows, schema).data as Uint8Array);

describe('rows of a program', () => {
  it('travel as Arrow and come back as the documented JavaScript values', () => {
    const rows = [
      {
        flag: true,
        whole: 1,
        half: 0.5,
        huge: 2n ** 60n,
        text: 'é😀',
        long: 'x'.repeat(300),
        at: new Date(-1),
        bytes: new Uint8Array([0, 255]),
        list: [1, null, 3],
        object: { a: 1, b: { c: 'd' } },
        map: new Map([['k', 1]]),
        nothing: null,
      },
      Object.fromEntries(
        [
          'flag',
          'whole',
          'half',
          'huge',
          'text',
          'long',
          'at',
          'bytes',
          'list',
          'object',
          'map',
          'nothing',
        ].map((name) => [name, null]),
      ),
    ];
    expect(roundTrip(rows)).toEqual(rows);
  });

  it('take a schema’s types', () => {
    const schema = struct({
      d: { kind: 'decimal', precision: 38, scale: 4 },
      day: { kind: 'date' },
      local: { kind: 'timestampNtz' },
      small: { kind: 'short' },
      f: { kind: 'float' },
    });
    const rows = [
      { d: '-0.0500', day: '1969-12-31', local: new Date(-1), small: -7, f: 0.5 },
      {
        d: '12345678901234567890123456789012.3456',
        day: '2017-05-01',
        local: new Date(0),
        small: 7,
        f: null,
      },
    ];
    expect(roundTrip(rows, schema)).toEqual([
      { d: '-0.0500', day: '1969-12-31', local: '1969-12-31 23:59:59.999', small: -7, f: 0.5 },
      {
        d: '12345678901234567890123456789012.3456',
        day: '2017-05-01',
        local: '1970-01-01 00:00:00',
        small: 7,
        f: null,
      },
    ]);
    expect(toNumber('-0.0500')).toBe(-0.05);
    expect(toNumber(null)).toBeNull();
  });

  it('keep every long and every decimal', () => {
    const schema = struct({ n: { kind: 'long' }, d: { kind: 'decimal', precision: 38, scale: 10 } });
    fc.assert(
      fc.property(
        fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
        fc.bigInt(-(10n ** 38n) + 1n, 10n ** 38n - 1n),
        (n, unscaled) => {
          const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(11, '0');
          const d = `${unscaled < 0n ? '-' : ''}${digits.slice(0, -10)}.${digits.slice(-10)}`;
          const [row] = roundTrip([{ n, d }], schema);
          expect(BigInt(row!['n'] as number)).toBe(n);
          expect(row!['d']).toBe(d);
        },
      ),
    );
  });

  it('have the types that hold all their values', () => {
    expect(
      inferSchema([
        { a: null, b: 1 },
        { a: 'x', b: 1.5, c: [{ d: 1 }, { e: 'f' }] },
      ]),
    ).toEqual(
      struct({
        a: { kind: 'string' },
        b: { kind: 'double' },
        c: {
          kind: 'array',
          element: struct({ d: { kind: 'long' }, e: { kind: 'string' } }),
          containsNull: true,
        },
      }),
    );
    const invalid = expect.objectContaining({ code: 'INVALID_ARGUMENT' });
    expect(() => inferSchema([{ a: 1 }, { a: 'x' }])).toThrow(invalid);
    expect(() => inferSchema([])).toThrow(invalid);
    expect(() => inferSchema([{ a: () => 1 }])).toThrow(invalid);
    expect(() =>
      roundTrip([{ a: '1.234' }], struct({ a: { kind: 'decimal', precision: 9, scale: 2 } })),
    ).toThrow(invalid);
    expect(() => roundTrip([{ a: 'x' }], struct({ a: { kind: 'long' } }))).toThrow(invalid);
  });

  it('carry their schema as Spark’s JSON', () => {
    const { schema } = localRelation(
      [],
      struct({ a: { kind: 'integer' }, b: { kind: 'decimal', precision: 5, scale: 2 } }),
    );
    expect(JSON.parse(schema!)).toEqual({
      type: 'struct',
      fields: [
        { name: 'a', type: 'integer', nullable: true, metadata: {} },
        { name: 'b', type: 'decimal(5,2)', nullable: true, metadata: {} },
      ],
    });
  });
});

describe('bytes that are no Arrow', () => {
  it('are BAD_DATA', () => {
    expect(() => rowsOfArrow(Buffer.from('nonsense, and more of it'))).toThrow(
      expect.objectContaining({ code: 'BAD_DATA' }),
    );
  });
});
