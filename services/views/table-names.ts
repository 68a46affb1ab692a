import { QuarryError } from '../../common/quarry-error.ts';

const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
/** The kernel's own. */
const RESERVED = ['main', 'temp', 'system', 'memory'];

/** A database's name is a file's. Errors: INVALID_ARGUMENT. */
export function checkDatabase(name: string): void {
  if (NAME.test(name) && !RESERVED.includes(name.toLowerCase())) return;
  throw new QuarryError(
    'INVALID_ARGUMENT',
    `${JSON.stringify(name)} cannot name a database: use jdbc:quarry://HOST:PORT/NAME with letters, digits, _ and -`,
  );
}

export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export interface TableName {
  readonly schema: string;
  readonly table: string;
  readonly sql: string;
}

/** `table` or `schema.table`; the database's own name as schema is the database, as in MySQL. */
export function tableName(text: string, database: string): TableName {
  const [first, second] = text.replaceAll(/[`"]/g, '').split('.') as [string, string?];
  const isOwn = second === undefined || first.toLowerCase() === database.toLowerCase();
  const schema = isOwn ? 'main' : first;
  const table = second ?? first;
  return { schema, table, sql: `${quoted(database)}.${quoted(schema)}.${quoted(table)}` };
}
