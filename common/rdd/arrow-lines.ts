import { Field, makeData, RecordBatch, Schema, Struct, Table, tableToIPC, Utf8 } from 'apache-arrow';

const NEWLINE = 10;

const SCHEMA = new Schema([new Field('value', new Utf8(), false)]);

/** Lines as one Arrow IPC stream with one string column `value`; the bytes of the texts are moved, not decoded. */
export function arrowOfLines(lines: Uint8Array, rowCount: number): Buffer {
  const valueOffsets = new Int32Array(rowCount + 1);
  // The newlines are squeezed out: Arrow's texts touch each other.
  const texts = Buffer.allocUnsafe(lines.length - rowCount);
  const source = Buffer.from(lines.buffer, lines.byteOffset, lines.length);
  let start = 0;
  let at = 0;
  for (let row = 0; row < rowCount; row++) {
    const end = source.indexOf(NEWLINE, start);
    at += source.copy(texts, at, start, end);
    valueOffsets[row + 1] = at;
    start = end + 1;
  }
  const value = makeData({ type: new Utf8(), length: rowCount, nullCount: 0, valueOffsets, data: texts });
  const struct = makeData({
    type: new Struct<{ value: Utf8 }>(SCHEMA.fields),
    length: rowCount,
    nullCount: 0,
    children: [value],
  });
  return Buffer.from(tableToIPC(new Table([new RecordBatch(SCHEMA, struct)]), 'stream'));
}
