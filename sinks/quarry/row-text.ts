import type { TableColumn, TableValue } from '../table-store.ts';

/** Rows as they travel to and from services/views: JSON, every cell a text or null, binary in base64. */
export type CellText = string | null;

export function encodeRows(rows: readonly (readonly TableValue[])[]): Buffer {
  return Buffer.from(JSON.stringify(rows.map((row) => row.map(cellText))));
}

/** Errors: SyntaxError for bytes that are none. */
export function decodeRows(bytes: Buffer, columns: readonly TableColumn[]): TableValue[][] {
  const readers = columns.map(({ type }) => valueReader(type));
  return (JSON.parse(bytes.toString()) as CellText[][]).map((row) =>
    row.map((cell, at) => (cell === null ? null : readers[at]!(cell))),
  );
}

export function cellText(value: TableValue): CellText {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string') return value;
  if (Buffer.isBuffer(value)) return value.toString('base64');
  // -0 as a text is 0 otherwise.
  return Object.is(value, -0) ? '-0' : String(value);
}

function valueReader(type: string): (cell: string) => TableValue {
  switch (type) {
    case 'boolean':
      return (cell) => cell === 'true';
    case 'tinyint':
    case 'smallint':
    case 'int':
    case 'float':
    case 'double':
      return Number;
    case 'binary':
      return (cell) => Buffer.from(cell, 'base64');
    default:
      return (cell) => cell;
  }
}
