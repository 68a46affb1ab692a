import type { Data, RecordBatch } from 'apache-arrow';
import type { StructType } from '../plan/spark-type.ts';
import type { QueryBatch } from '../schedule/query-runner.ts';
import { cellText } from './cell-text.ts';

/** Loaded when the first small result is read or made: a tenth of a second that serving does not wait for. */
export const loadArrow = (): Promise<typeof import('apache-arrow')> => import('apache-arrow');

/** Every row of a small result as text. */
export async function renderRows(
  batches: AsyncIterable<QueryBatch>,
  schema: StructType,
  timeZone: string,
): Promise<string[][]> {
  const arrow = await loadArrow();
  const rows: string[][] = [];
  for await (const { arrowIpc } of batches) {
    for (const batch of arrow.RecordBatchReader.from(arrowIpc) as Iterable<RecordBatch>) {
      const columns: readonly Data[] = batch.data.children;
      for (let row = 0; row < batch.numRows; row++) {
        rows.push(schema.fields.map(({ type }, i) => cellText(columns[i]!, row, type, timeZone)));
      }
    }
  }
  return rows;
}

/** A cell of a result that the driver makes itself. */
export type DriverCell = string | boolean | null | readonly string[];

/** A result of a few rows as one Arrow IPC stream. Columns are strings, booleans or lists of strings. */
export async function arrowBatch(
  schema: StructType,
  rows: readonly (readonly DriverCell[])[],
): Promise<QueryBatch> {
  const {
    Bool,
    Field,
    List,
    makeData,
    RecordBatch,
    Schema,
    Struct,
    tableToIPC,
    Table,
    Utf8,
    vectorFromArray,
  } = await loadArrow();
  const fields = schema.fields.map(({ name, type, nullable }) => {
    const text = new Utf8();
    const kind =
      type.kind === 'boolean'
        ? new Bool()
        : type.kind === 'array'
          ? new List(new Field('element', text, false))
          : text;
    return new Field<import('apache-arrow').DataType>(name, kind, nullable);
  });
  const children = fields.map(
    (field, i) => vectorFromArray(rows.map((row) => row[i]) as never[], field.type).data[0]!,
  );
  const data = makeData({ type: new Struct(fields), length: rows.length, nullCount: 0, children });
  const batch = new RecordBatch(new Schema(fields), data as never);
  return {
    arrowIpc: Buffer.from(tableToIPC(new Table([batch]), 'stream')),
    rowCount: rows.length,
  };
}
