import { createHash, randomBytes } from 'node:crypto';
import { escapeId } from 'mysql2';
import { QuarryError } from '../../common/quarry-error.ts';
import { MARKER_TABLE } from '../write-marker.ts';

/** Tables of that name are being filled; each has a lock of the same name, which its writer holds. */
export const STAGING_PREFIX = 'quarry_staging_';

export interface MysqlTable {
  readonly schema: string;
  readonly table: string;
}

/** `table` or `schema.table`. Errors: INVALID_ARGUMENT when neither says which database. */
export function tableOf(name: string, database: string): MysqlTable {
  const [first, second] = name.replaceAll('`', '').split('.') as [string, string?];
  const schema = second === undefined ? database : first;
  if (schema === '') {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `table ${name} is in no database: name it in the URL, jdbc:mysql://HOST:PORT/DATABASE, or write DATABASE.${name}`,
    );
  }
  return { schema, table: second ?? first };
}

export function quoted({ schema, table }: MysqlTable): string {
  return `${id(schema)}.${id(table)}`;
}

/** One identifier; a dot in it stays in it. */
export function id(name: string): string {
  return escapeId(name, true);
}

export function markersOf({ schema }: MysqlTable): string {
  return quoted({ schema, table: MARKER_TABLE });
}

export function newStagingTable({ schema }: MysqlTable): MysqlTable {
  return { schema, table: `${STAGING_PREFIX}${randomBytes(12).toString('hex')}` };
}

/** Writes to one table are committed one after another under this lock. Locks' names have at most 64 characters. */
export function tableLock({ schema, table }: MysqlTable): string {
  const digest = createHash('sha256').update(`${schema}.${table}`.toLowerCase()).digest('hex');
  return `quarry_table_${digest.slice(0, 40)}`;
}
