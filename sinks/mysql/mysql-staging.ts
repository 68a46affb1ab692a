import { QuarryError } from '../../common/quarry-error.ts';
import type { TableValue, TableWrite } from '../table-store.ts';
import { rowWriter } from './mysql-literal.ts';
import { MysqlMarkers } from './mysql-markers.ts';
import { id, type MysqlTable, newStagingTable, quoted, STAGING_PREFIX, tableLock } from './mysql-names.ts';
import type { MysqlSession } from './mysql-session.ts';
import { mysqlType } from './mysql-type.ts';

/** An INSERT stays below this and below a quarter of what the server takes at once. */
const STATEMENT_CHARACTERS_MAX = 4 * 1024 * 1024;
/** Statements of one transaction while staging: each commit costs a sync. */
const STATEMENTS_PER_COMMIT = 64;
/** An index entry has room for three texts of 255 characters. */
const INDEXED_COLUMNS_MAX = 3;

export function columnList({ columns }: TableWrite): string {
  return columns.map(({ name }) => id(name)).join(', ');
}

/** `(a BIGINT, ...)`: the columns that rows are replaced by can be found by an index. */
export function definitionOf({ columns, replaceKeys }: TableWrite): string {
  const keys = new Set(replaceKeys.map((name) => name.toLowerCase()));
  const isKey = (name: string) => keys.has(name.toLowerCase());
  const parts = columns.map(
    (column) =>
      `${id(column.name)} ${mysqlType(column, isKey(column.name))} ${column.nullable ? 'NULL' : 'NOT NULL'}`,
  );
  const indexed = columns.filter(({ name }) => isKey(name));
  const hasIndex = indexed.length > 0 && indexed.length <= INDEXED_COLUMNS_MAX;
  if (hasIndex && indexed.every(({ type }) => type !== 'binary')) {
    parts.push(`KEY quarry_replace (${indexed.map(({ name }) => id(name)).join(', ')})`);
  }
  return `(${parts.join(', ')}) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4`;
}

/** Rows that are to be added wait in a temporary table of the target's own types, which ends with the connection. */
export async function stageForTarget(
  session: MysqlSession,
  target: MysqlTable,
  write: TableWrite,
): Promise<MysqlTable> {
  const staging = newStagingTable(target);
  await session.run(
    `CREATE TEMPORARY TABLE ${quoted(staging)} ENGINE=InnoDB SELECT ${columnList(write)} FROM ${quoted(target)} LIMIT 0`,
  );
  return staging;
}

/** Rows that become a table of their own wait in one that will take the target's name. The lock says that its writer lives. */
export async function stageAsTarget(
  session: MysqlSession,
  target: MysqlTable,
  write: TableWrite,
): Promise<MysqlTable> {
  const staging = newStagingTable(target);
  await session.lock(staging.table, 0);
  await session.run(`CREATE TABLE ${quoted(staging)} ${definitionOf(write)}`);
  return staging;
}

/** Multi-row INSERTs as the rows come. Answers how many there were. */
export async function loadRows(
  session: MysqlSession,
  staging: MysqlTable,
  write: TableWrite,
  rows: AsyncIterable<readonly (readonly TableValue[])[]>,
): Promise<number> {
  const [packet] = await session.rows('SELECT @@max_allowed_packet AS bytes');
  const charactersMax = Math.min(STATEMENT_CHARACTERS_MAX, Number(packet!['bytes']) / 4);
  const rowText = rowWriter(write.columns);
  const insert = `INSERT INTO ${quoted(staging)} (${columnList(write)}) VALUES `;
  let rowCount = 0;
  let statements = 0;
  let values: string[] = [];
  let characters = 0;
  const flush = async () => {
    if (values.length === 0) return;
    if (statements % STATEMENTS_PER_COMMIT === 0) await session.run('START TRANSACTION');
    await session.run(insert + values.join(','));
    if (++statements % STATEMENTS_PER_COMMIT === 0) await session.run('COMMIT');
    values = [];
    characters = 0;
  };
  for await (const batch of rows) {
    for (const row of batch) {
      const text = rowText(row);
      values.push(text);
      characters += text.length;
      rowCount++;
      if (values.length >= write.batchRows || characters >= charactersMax) await flush();
    }
  }
  await flush();
  if (statements % STATEMENTS_PER_COMMIT !== 0) await session.run('COMMIT');
  return rowCount;
}

/** Lets a filled table take the target's name. Doing it again is safe. The table lock is held. */
export async function takeName(
  session: MysqlSession,
  target: MysqlTable,
  stagingName: string,
): Promise<void> {
  const staging = { schema: target.schema, table: stagingName };
  if (!(await tableIsThere(session, staging))) return;
  if (await tableIsThere(session, target)) {
    const old = { schema: target.schema, table: `${stagingName}_old` };
    // One statement: there is no moment without a table of the name.
    await session.run(
      `RENAME TABLE ${quoted(target)} TO ${quoted(old)}, ${quoted(staging)} TO ${quoted(target)}`,
    );
    await session.run(`DROP TABLE IF EXISTS ${quoted(old)}`);
  } else {
    await session.run(`RENAME TABLE ${quoted(staging)} TO ${quoted(target)}`);
  }
}

export async function tableIsThere(session: MysqlSession, { schema, table }: MysqlTable): Promise<boolean> {
  const sql = 'SELECT 1 FROM information_schema.tables WHERE table_schema = ? AND table_name = ?';
  return (await session.rows(sql, [schema, table])).length > 0;
}

/** How long a write waits for others to the same table. */
const TABLE_LOCK_SECONDS = 60;

/** One writer at a time decides about a table. Errors: TABLES_UNAVAILABLE. */
export async function lockTable(session: MysqlSession, target: MysqlTable): Promise<void> {
  if (await session.lock(tableLock(target), TABLE_LOCK_SECONDS)) return;
  throw new QuarryError(
    'TABLES_UNAVAILABLE',
    `other writes to ${target.table} took longer than ${TABLE_LOCK_SECONDS} seconds: try again`,
  );
}

/** Lets tables that are committed take the target's name. The table's lock is held. */
export async function finishRenames(session: MysqlSession, target: MysqlTable): Promise<void> {
  const markers = new MysqlMarkers(session, target);
  for (const rename of await markers.pending()) {
    if (rename.target !== target.table) continue;
    await takeName(session, target, rename.staging);
    await markers.renamed(rename);
  }
}

/** Finishes and removes what writers left that have died: committed tables take their names, unfinished ones go. */
export async function cleanUp(session: MysqlSession, target: MysqlTable): Promise<void> {
  const markers = new MysqlMarkers(session, target);
  const found = await session.rows(
    'SELECT table_name AS name FROM information_schema.tables WHERE table_schema = ? AND table_name LIKE ?',
    [target.schema, `${STAGING_PREFIX.replaceAll('_', '\\_')}%`],
  );
  if (found.length === 0) return;
  const pending = await markers.pending();
  for (const rename of pending) {
    const renamed = { schema: target.schema, table: rename.target };
    if (!(await session.lock(tableLock(renamed), 0))) continue;
    await takeName(session, renamed, rename.staging);
    await markers.renamed(rename);
    await session.unlock(tableLock(renamed));
  }
  const isPending = new Set(pending.map(({ staging }) => staging));
  for (const row of found) {
    const name = String(row['name']);
    const lock = name.replace(/_old$/, '');
    if (isPending.has(lock) || !(await session.lock(lock, 0))) continue;
    // Its writer may have committed it since the markers were read.
    const isCommitted = (await markers.pending()).some(({ staging }) => staging === name);
    if (!isCommitted)
      await session.run(`DROP TABLE IF EXISTS ${quoted({ schema: target.schema, table: name })}`);
    await session.unlock(lock);
  }
}
