import { escape } from 'mysql2';
import { QuarryError } from '../../common/quarry-error.ts';
import type { TableColumn, TableValue } from '../table-store.ts';

type Literal = (value: TableValue) => string;

/** Writes a row as `(…)` of an INSERT. */
export function rowWriter(columns: readonly TableColumn[]): (row: readonly TableValue[]) => string {
  const literals = columns.map(literalOf);
  return (row) => {
    let text = '(';
    for (let at = 0; at < literals.length; at++) {
      const value = row[at] ?? null;
      if (at > 0) text += ',';
      text += value === null ? 'NULL' : literals[at]!(value);
    }
    return `${text})`;
  };
}

function literalOf({ name, type }: TableColumn): Literal {
  switch (type) {
    case 'float':
    case 'double':
      return (value) => {
        if (Number.isFinite(Number(value))) return String(value);
        throw new QuarryError(
          'BAD_DATA',
          `column ${name}: MySQL has no ${String(value)}: replace it before writing`,
        );
      };
    case 'timestamp':
    case 'timestamp_ntz':
      return (value) => escape(timeText(String(value)));
    case 'tinyint':
    case 'smallint':
    case 'int':
    case 'boolean':
      return (value) => (typeof value === 'string' ? escape(value) : String(value));
    default:
      // Buffers become X'..'.
      return (value) => escape(value);
  }
}

/** `2026-11-22T10:01:02.5Z` as `2026-11-22 10:01:02.5`: the session's zone is UTC. */
function timeText(text: string): string {
  const plain = text.endsWith('Z') ? text.slice(0, -1) : text;
  return plain.charAt(10) === 'T' ? `${plain.slice(0, 10)} ${plain.slice(11)}` : plain;
}
