import {
  Bool,
  DateDay,
  Decimal,
  Float64,
  Int32,
  Int64,
  Table,
  TimestampMicrosecond,
  tableToIPC,
  Utf8,
  vectorFromArray,
} from 'apache-arrow';
import { describe, expect, it } from 'vitest';
import type { SparkType, StructType } from '../../../../driver/plan/spark-type.ts';
import { tableColumns, tableRows } from '../../../../driver/tables/arrow-table-rows.ts';

const schemaOf = (types: Record<string, SparkType>): StructType => ({
  kind: 'struct',
  fields: Object.entries(types).map(([name, type]) => ({ name, type, nullable: true })),
});
async function* once(arrowIpc: Uint8Array) {
  yield { arrowIpc };
}
async function all(ipc: Uint8Array, schema: StructType) {
  const rows: unknown[][] = [];
  for await (const batch of tableRows(once(ipc), schema)) rows.push(...batch);
  return rows;
}

describe('rows of a result for a table', () => {
  it('keep every digit', async () => {
    const table = new Table({
      b: vectorFromArray([true, null], new Bool()),
      i: vectorFromArray([-1, null], new Int32()),
      l: vectorFromArray([-9223372036854775808n, null], new Int64()),
      d: vectorFromArray([0.1, null], new Float64()),
      m: vectorFromArray(
        [new Uint32Array([0xffffff85, 0xffffffff, 0xffffffff, 0xffffffff]), null],
        new Decimal(2, 12, 128),
      ),
      s: vectorFromArray(['ключ', null], new Utf8()),
      day: vectorFromArray([new Date('1969-12-31'), null], new DateDay()),
      at: vectorFromArray([-1, null], new TimestampMicrosecond()),
    });
    const schema = schemaOf({
      b: { kind: 'boolean' },
      i: { kind: 'integer' },
      l: { kind: 'long' },
      d: { kind: 'double' },
      m: { kind: 'decimal', precision: 12, scale: 2 },
      s: { kind: 'string' },
      day: { kind: 'date' },
      at: { kind: 'timestamp' },
    });
    expect(tableColumns(schema).map(({ type }) => type)).toEqual([
      'boolean',
      'int',
      'bigint',
      'double',
      'decimal(12,2)',
      'string',
      'date',
      'timestamp',
    ]);
    expect(await all(tableToIPC(table, 'stream'), schema)).toEqual([
      [true, -1, '-9223372036854775808', 0.1, '-1.23', 'ключ', '1969-12-31', '1969-12-31 23:59:59.999'],
      [null, null, null, null, null, null, null, null],
    ]);
  });

  it('come some thousand at a time', async () => {
    const table = new Table({
      i: vectorFromArray(
        Array.from({ length: 10_000 }, (_, i) => i),
        new Int32(),
      ),
    });
    const schema = schemaOf({ i: { kind: 'integer' } });
    const sizes: number[] = [];
    for await (const rows of tableRows(once(tableToIPC(table, 'stream')), schema)) sizes.push(rows.length);
    expect(sizes).toEqual([4096, 4096, 1808]);
  });

  it('are refused where a table has no type for them', async () => {
    const schema = schemaOf({ a: { kind: 'array', element: { kind: 'integer' }, containsNull: true } });
    await expect(all(new Uint8Array(), schema)).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  });
});
