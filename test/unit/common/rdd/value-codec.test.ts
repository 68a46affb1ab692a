import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeValue, encodeKey, encodeValue } from '../../../../common/rdd/value-codec.ts';

const values = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constant(null),
    fc.boolean(),
    fc.double(),
    fc.integer(),
    fc.bigInt(),
    fc.string(),
    fc.date({ noInvalidDate: false }),
    fc.uint8Array({ maxLength: 8 }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.oneof(fc.string(), fc.constant('$q')), tie('value'), {
      maxKeys: 4,
      noNullPrototype: true,
    }),
    fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 3 }).map((entries) => new Map(entries)),
    fc.array(tie('value'), { maxLength: 3 }).map((items) => new Set(items)),
  ),
})).value;

describe('a record', () => {
  it('comes back as it was, on one line without tabs', () => {
    fc.assert(
      fc.property(values, (value) => {
        const text = encodeValue(value);
        expect(text).not.toMatch(/[\n\t]/);
        expect(decodeValue(text)).toEqual(value);
      }),
      { numRuns: 500 },
    );
  });

  it('keeps undefined, NaN, infinities, -0 and invalid dates', () => {
    for (const value of [undefined, NaN, Infinity, -Infinity, -0, new Date(NaN), [undefined]]) {
      expect(decodeValue(encodeValue(value))).toStrictEqual(value);
    }
  });

  it('leaves out members that are undefined, as JSON does', () => {
    expect(encodeValue({ a: undefined, b: 1 })).toBe('{"b":1}');
    expect(decodeValue(encodeValue({ a: undefined, b: 1n }))).toEqual({ b: 1n });
  });

  it.each([
    ['a function', () => 1],
    ['a symbol', Symbol('s')],
    ['a promise', Promise.resolve(1)],
    ['a regular expression', /x/],
    ['an error', new Error('x')],
  ])('cannot hold %s', (_, value) => {
    expect(() => encodeValue({ deep: [value] })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
  });

  it('that holds itself is refused, and text that is no record is BAD_DATA', () => {
    const circle: unknown[] = [];
    circle.push(circle);
    expect(() => encodeValue(circle)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    expect(() => decodeValue('{')).toThrow(expect.objectContaining({ code: 'BAD_DATA' }));
  });
});

describe('a key', () => {
  it('has the same text whatever the order of its members', () => {
    expect(encodeKey({ b: [{ d: 1, c: 2 }], a: 1n })).toBe(encodeKey({ a: 1n, b: [{ c: 2, d: 1 }] }));
    expect(encodeKey(-0)).toBe(encodeKey(0));
    expect(encodeKey(1)).not.toBe(encodeKey('1'));
    expect(encodeKey(1)).not.toBe(encodeKey(1n));
    expect(encodeKey(undefined)).not.toBe(encodeKey(null));
  });

  it('is decoded as a record', () => {
    fc.assert(
      fc.property(values, (value) => {
        // Only -0 changes, alone or within: as a key it is 0.
        expect(encodeKey(decodeValue(encodeKey(value)))).toBe(encodeKey(value));
      }),
    );
  });
});
