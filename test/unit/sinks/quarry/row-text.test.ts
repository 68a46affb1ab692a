import { describe, expect, it } from 'vitest';
import { decodeRows, encodeRows } from '../../../../sinks/quarry/row-text.ts';

describe('rows on their way to services/views', () => {
  it('come out as they went in', () => {
    const types = ['boolean', 'int', 'double', 'bigint', 'string', 'binary'];
    const columns = types.map((type) => ({ name: type, type, nullable: true }));
    const rows = [
      [true, -1, -0, '9223372036854775807', 'a"\n\u{1f600}', Buffer.from([0, 255])],
      [false, 0, Number.NaN, '-1', '', Buffer.alloc(0)],
      types.map(() => null),
      [null, null, Number.NEGATIVE_INFINITY, null, null, null],
    ];
    expect(decodeRows(encodeRows(rows), columns)).toEqual(rows);
    expect(Object.is(decodeRows(encodeRows(rows), columns)[0]![2], -0)).toBe(true);
  });
});
