import type { Data, RecordBatch } from 'apache-arrow';
import { QuarryError } from '../../common/quarry-error.ts';
import type { TableColumn, TableValue } from '../../sinks/table-store.ts';
import { loadArrow } from '../connect/arrow-rows.ts';
import { decimalText } from '../connect/cell-text.ts';
import { dateText, timestampText } from '../connect/time-text.ts';
import type { SparkType, StructType } from '../plan/spark-type.ts';
import { simpleString } from '../plan/types/simple-string.ts';

/** Rows that are handed on at once. */
const ROWS_MAX = 4096;

export function tableColumns(schema: StructType): TableColumn[] {
  return schema.fields.map(({ name, type, nullable }) => ({ name, type: simpleString(type), nullable }));
}

/** A query's result as rows of a table, a few thousand at a time. Errors: UNSUPPORTED for nested types and intervals. */
export async function* tableRows(
  batches: AsyncIterable<{ readonly arrowIpc: Uint8Array }>,
  schema: StructType,
): AsyncGenerator<TableValue[][], void, undefined> {
  const makers = schema.fields.map(({ name, type }) => cellReader(name, type));
  const arrow = await loadArrow();
  for await (const { arrowIpc } of batches) {
    for (const batch of arrow.RecordBatchReader.from(arrowIpc) as Iterable<RecordBatch>) {
      const cells = batch.data.children.map((data, column) => makers[column]!(data as Data));
      for (let from = 0; from < batch.numRows; from += ROWS_MAX) {
        const until = Math.min(from + ROWS_MAX, batch.numRows);
        const rows: TableValue[][] = [];
        for (let row = from; row < until; row++) rows.push(cells.map((cell) => cell(row)));
        yield rows;
      }
    }
  }
}

type Cell = (row: number) => TableValue;

function cellReader(name: string, type: SparkType): (data: Data) => Cell {
  const read = valueReader(name, type);
  return (data) => {
    const cell = read(data);
    return (row) => (data.getValid(row) ? cell(row) : null);
  };
}

function valueReader(name: string, type: SparkType): (data: Data) => Cell {
  switch (type.kind) {
    case 'null':
      return () => () => null;
    case 'boolean':
      return ({ values, offset }) =>
        (row) => {
          const at = offset + row;
          return (((values as Uint8Array)[at >> 3]! >> (at & 7)) & 1) === 1;
        };
    case 'byte':
    case 'short':
    case 'integer':
    case 'float':
    case 'double':
      return ({ values }) =>
        (row) =>
          (values as ArrayLike<number>)[row]!;
    case 'long':
      return ({ values }) =>
        (row) =>
          String((values as BigInt64Array)[row]);
    case 'decimal':
      return ({ values }) =>
        (row) =>
          decimalText(wideInteger(values as Uint32Array, row), type.scale);
    case 'string':
      return (data) => (row) => bytesOf(data, row).toString();
    case 'binary':
      // A copy: the batch's memory is not kept by a row that waits.
      return (data) => (row) => Buffer.from(bytesOf(data, row));
    case 'date':
      return ({ values }) =>
        (row) =>
          dateText((values as Int32Array)[row]!);
    case 'timestamp':
    case 'timestamp_ntz':
      // Results come in microseconds; an instant's text is UTC.
      return ({ values }) =>
        (row) =>
          timestampText((values as BigInt64Array)[row]!);
    default:
      throw new QuarryError(
        'UNSUPPORTED',
        `column ${name}: tables have no type for ${simpleString(type)}: cast it, to_json makes a string of nested values`,
      );
  }
}

function bytesOf({ values, valueOffsets }: Data, row: number): Buffer {
  const bytes = values as Uint8Array;
  const start = Number(valueOffsets[row]);
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, Number(valueOffsets[row + 1]) - start);
}

/** A 128-bit two's complement integer in four little-endian words. */
function wideInteger(words: Uint32Array, row: number): bigint {
  let value = 0n;
  for (let word = 3; word >= 0; word--) value = (value << 32n) | BigInt(words[row * 4 + word]!);
  return BigInt.asIntN(128, value);
}
