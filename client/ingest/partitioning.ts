import { QuarryError } from '../../common/quarry-error.ts';
import { identifier, literal } from './kernel.ts';
import type { Column } from './source-query.ts';

/** A column whose values, or the dates of whose values, name the folders. */
export type PartitionBy = string | { readonly date: string };

export interface Partitioning {
  /** The key in `key=value`: the column's name, or `date`. */
  readonly key: string;
  /** SQL of the folder's value as text, null for null. */
  readonly valueSql: string;
  /** The column that Hive's layout leaves out of the files, because the folder's name has it. */
  readonly dropped: string | undefined;
  /** The folder of a value, with its slash; '' for none. */
  folder(value: string | null): string;
}

export const NULL_PARTITION = '__HIVE_DEFAULT_PARTITION__';

/** Characters that Hive and Spark write as %XX in a partition's folder. */
// oxlint-disable-next-line no-control-regex
const ESCAPED = /[\u0000-\u001f"#%'*/:=?\\\u007f{}[\]^]/g;

/**
 * Without a layout folders are Hive's `key=value/`; with one, such as `{date}/`, plain ones, and the files keep every column.
 * Errors: ANALYSIS for a column that is not there, INVALID_ARGUMENT for a layout without the key.
 */
export function partitioning(
  by: PartitionBy,
  layout: string | undefined,
  columns: readonly Column[],
  timezone: string,
): Partitioning {
  const name = typeof by === 'string' ? by : by.date;
  const column = columns.find((candidate) => candidate.name === name);
  if (column === undefined) {
    throw new QuarryError(
      'ANALYSIS',
      `the sources have no column ${name} to partition by: they have ${columns.map((c) => c.name).join(', ')}`,
    );
  }
  const key = typeof by === 'string' ? name : 'date';
  if (layout === undefined) {
    const taken = typeof by !== 'string' && columns.some((candidate) => candidate.name === key);
    if (taken && column.type !== 'DATE') {
      throw new QuarryError(
        'INVALID_ARGUMENT',
        `the sources have a column ${key} already: give --layout '{${key}}/'`,
      );
    }
  }
  return {
    key,
    valueSql: typeof by === 'string' ? `CAST(${identifier(name)} AS VARCHAR)` : dateSql(column, timezone),
    dropped: layout === undefined && name === key ? name : undefined,
    folder: folderNames(key, layout),
  };
}

function folderNames(key: string, layout: string | undefined): (value: string | null) => string {
  const text = (value: string | null) =>
    value === null || value === ''
      ? NULL_PARTITION
      : value.replaceAll(
          ESCAPED,
          (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
        );
  if (layout === undefined) return (value) => `${text(key)}=${text(value)}/`;
  const placeholder = `{${key}}`;
  if (!layout.includes(placeholder)) {
    throw new QuarryError('INVALID_ARGUMENT', `the layout ${layout} does not use ${placeholder}`);
  }
  const folder = layout.replace(/\/*$/, '/').replace(/^\/+/, '');
  return (value) => folder.replaceAll(placeholder, text(value));
}

/** An instant has its date in the time zone; a zoneless time is a wall clock's and has its own. */
function dateSql({ name, type }: Column, timezone: string): string {
  if (!/^(DATE|TIMESTAMP|VARCHAR)/.test(type)) {
    throw new QuarryError('INVALID_ARGUMENT', `date(${name}) takes a time or a date, and ${name} is ${type}`);
  }
  const column = identifier(name);
  const local = type === 'TIMESTAMP WITH TIME ZONE' ? `timezone(${literal(timezone)}, ${column})` : column;
  return `CAST(CAST(${local} AS DATE) AS VARCHAR)`;
}
