import {
  Bool,
  DateDay,
  Decimal,
  Field,
  Float32,
  Float64,
  Int32,
  Int64,
  List,
  makeData,
  Struct,
  TimestampMicrosecond,
  Utf8,
  vectorFromArray,
  type DataType,
} from 'apache-arrow';
import { describe, expect, it } from 'vitest';
import { cellText, decimalText } from '../../../../driver/connect/cell-text.ts';
import { javaDouble, javaFloat } from '../../../../driver/connect/java-number.ts';
import { dateText, instantText, timestampText } from '../../../../driver/connect/time-text.ts';
import type { SparkType } from '../../../../driver/plan/spark-type.ts';

function cells(values: readonly unknown[], type: DataType, spark: SparkType, timeZone = 'UTC'): string[] {
  const data = vectorFromArray(values as never[], type).data[0]!;
  return values.map((_, i) => cellText(data, i, spark, timeZone));
}

describe('cellText', () => {
  it('prints atoms as Spark does', () => {
    expect(cells([true, null, false], new Bool(), { kind: 'boolean' })).toEqual(['true', 'NULL', 'false']);
    expect(cells([1, -2], new Int32(), { kind: 'integer' })).toEqual(['1', '-2']);
    expect(cells([9007199254740993n], new Int64(), { kind: 'long' })).toEqual(['9007199254740993']);
    expect(cells([1, 0.1], new Float64(), { kind: 'double' })).toEqual(['1.0', '0.1']);
    expect(cells([Math.fround(0.1)], new Float32(), { kind: 'float' })).toEqual(['0.1']);
    expect(cells(['é', null], new Utf8(), { kind: 'string' })).toEqual(['é', 'NULL']);
  });

  it('prints days, and instants in the session zone', () => {
    const day = makeData({ type: new DateDay(), data: new Int32Array([17_167]), length: 1, nullCount: 0 });
    expect(cellText(day, 0, { kind: 'date' }, 'UTC')).toBe('2017-01-01');
    const times = makeData({
      type: new TimestampMicrosecond('UTC'),
      data: new BigInt64Array([1_500_000_000_123_000n]),
      length: 1,
      nullCount: 0,
    });
    expect(cellText(times, 0, { kind: 'timestamp' }, 'Asia/Seoul')).toBe('2017-07-14 11:40:00.123');
    expect(cellText(times, 0, { kind: 'timestamp_ntz' }, 'Asia/Seoul')).toBe('2017-07-14 02:40:00.123');
  });

  it('prints decimals from their 128 bits', () => {
    const words = new Uint32Array([0xff_ff_ff_85, 0xff_ff_ff_ff, 0xff_ff_ff_ff, 0xff_ff_ff_ff, 5, 0, 0, 0]);
    const data = makeData({ type: new Decimal(2, 10, 128), data: words, length: 2, nullCount: 0 });
    const type: SparkType = { kind: 'decimal', precision: 10, scale: 2 };
    expect([0, 1].map((i) => cellText(data, i, type, 'UTC'))).toEqual(['-1.23', '0.05']);
    expect(decimalText(-7n, 0)).toBe('-7');
  });

  it('prints nested values with NULL inside', () => {
    const list = new List(new Field('element', new Int32(), true));
    const listType: SparkType = { kind: 'array', element: { kind: 'integer' }, containsNull: true };
    expect(cells([[1, null], [], null], list, listType)).toEqual(['[1, NULL]', '[]', 'NULL']);
    const struct = new Struct<{ a: Int32; b: Utf8 }>([
      new Field('a', new Int32(), true),
      new Field('b', new Utf8(), true),
    ]);
    const structType: SparkType = {
      kind: 'struct',
      fields: [
        { name: 'a', type: { kind: 'integer' }, nullable: true },
        { name: 'b', type: { kind: 'string' }, nullable: true },
      ],
    };
    expect(cells([{ a: 1, b: null }], struct, structType)).toEqual(['{1, NULL}']);
  });
});

describe('numbers and times as Java prints them', () => {
  it('uses E notation outside 0.001 to 10 million', () => {
    const printed = [1e7, 9_999_999, 0.001, 0.0009, 1.5e-10, 1e21, -0, NaN, -Infinity, 123456.789].map(
      javaDouble,
    );
    expect(printed).toEqual([
      '1.0E7',
      '9999999.0',
      '0.001',
      '9.0E-4',
      '1.5E-10',
      '1.0E21',
      '-0.0',
      'NaN',
      '-Infinity',
      '123456.789',
    ]);
    expect([3.4028234663852886e38, 1.1, NaN].map(Math.fround).map(javaFloat)).toEqual([
      '3.4028235E38',
      '1.1',
      'NaN',
    ]);
  });

  it('reaches before 1970 and around a change of clocks', () => {
    expect(timestampText(-1n)).toBe('1969-12-31 23:59:59.999999');
    expect(instantText(-1n, 'America/New_York')).toBe('1969-12-31 18:59:59.999999');
    // 2017-11-05: at 06:00 UTC New York falls back from -4 to -5.
    expect(instantText(1_509_861_599_000_000n, 'America/New_York')).toBe('2017-11-05 01:59:59');
    expect(instantText(1_509_861_600_000_000n, 'America/New_York')).toBe('2017-11-05 01:00:00');
    expect(dateText(-719_162)).toBe('0001-01-01');
  });
});
