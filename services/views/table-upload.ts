import type { DuckDBPreparedStatement } from '@duckdb/node-api';
import { QuarryError } from '../../common/quarry-error.ts';
import type { TableWrite, TableWriteResult } from '../../sinks/table-store.ts';
import {
  checkColumns,
  checkWrite,
  isCommitted,
  MARKER_TABLE,
  markerId,
  tableExists,
} from '../../sinks/write-marker.ts';
import { fromKernel } from './kernel-error.ts';
import { kernelType } from './kernel-type.ts';
import type { TableDatabase, TableSession } from './table-database.ts';
import { quoted, type TableName, tableName } from './table-names.ts';

const STAGING = 'temp.quarry_staging';

export type UploadStart = { readonly outcome: 'open' | 'skipped' | 'ignored'; readonly rowCount: number };

/** One write: its rows wait in a temporary table of a connection of its own. Calls come one after another. */
export class TableUpload {
  readonly #database: TableDatabase;
  readonly #session: TableSession;
  readonly #write: TableWrite;
  readonly #attempt: string;
  readonly #table: TableName;
  #insert: DuckDBPreparedStatement | undefined;
  #sequence = 0;
  #rowCount = 0;
  #result: TableWriteResult | undefined;

  private constructor(database: TableDatabase, session: TableSession, write: TableWrite, attempt: string) {
    this.#database = database;
    this.#session = session;
    this.#write = write;
    this.#attempt = attempt;
    this.#table = tableName(write.table, database.name);
  }

  /** `attempt` says afterwards whose write was the one. Errors: as TableStore.write. */
  static async open(database: TableDatabase, write: TableWrite, attempt: string): Promise<TableUpload> {
    checkWrite(write);
    return new TableUpload(database, await database.connect(), write, attempt);
  }

  /** Looks whether there is anything to write, and makes room for it. */
  async start(): Promise<UploadStart> {
    const skipped = await this.#skipped();
    if (skipped !== undefined) return { outcome: 'skipped', rowCount: skipped.rowCount };
    const existing = await this.#existingColumns();
    const { mode, columns } = this.#write;
    if (existing.length > 0 && mode === 'errorifexists') throw tableExists(this.#write.table);
    if (existing.length > 0 && mode === 'ignore') return { outcome: 'ignored', rowCount: 0 };
    const types = columns.map(kernelType);
    // Rows that are added have the table's types, all others those that were asked for.
    if (existing.length > 0 && !this.#isNewTable) {
      checkColumns(this.#write, existing);
      await this.#session.run(
        `CREATE TEMP TABLE quarry_staging AS SELECT ${this.#names} FROM ${this.#table.sql} LIMIT 0`,
      );
    } else {
      const list = columns.map(({ name }, at) => `${quoted(name)} ${types[at]}`).join(', ');
      await this.#session.run(`CREATE TEMP TABLE quarry_staging (${list})`);
    }
    this.#insert = await this.#prepareInsert();
    return { outcome: 'open', rowCount: 0 };
  }

  /** A repeated message was lost on its way back: it is answered and not written again. */
  async add(sequence: number, rows: Buffer): Promise<void> {
    if (sequence < this.#sequence) return;
    if (sequence > this.#sequence) {
      throw new QuarryError(
        'TABLES_UNAVAILABLE',
        `rows ${this.#sequence} of a write are missing: write again`,
      );
    }
    try {
      this.#insert!.bindVarchar(1, rows.toString());
      this.#rowCount += (await this.#insert!.run()).rowsChanged;
    } catch (thrown) {
      throw fromKernel(thrown);
    }
    this.#sequence++;
  }

  async commit(sequenceEnd: number): Promise<TableWriteResult> {
    if (this.#result !== undefined) return this.#result;
    if (sequenceEnd !== this.#sequence) {
      throw new QuarryError(
        'TABLES_UNAVAILABLE',
        `rows ${this.#sequence} of a write are missing: write again`,
      );
    }
    this.#result = await this.#database.transaction(this.#session, async () => {
      const skipped = await this.#skipped();
      if (skipped !== undefined) return skipped;
      const { key } = this.#write;
      await this.#takeOver();
      const written = { attempt: this.#attempt, rowCount: this.#rowCount };
      if (key !== undefined) await this.#session.putMarker(key, this.#table.table, written);
      return { outcome: 'written', rowCount: this.#rowCount } as const;
    });
    return this.#result;
  }

  close(): void {
    this.#session.close();
  }

  async #takeOver(): Promise<void> {
    const { mode, columns, replaceKeys } = this.#write;
    const { schema, sql } = this.#table;
    const existing = await this.#existingColumns();
    if (existing.length > 0 && mode === 'errorifexists') throw tableExists(this.#write.table);
    if (existing.length > 0 && mode === 'ignore') return;
    if (existing.length > 0 && this.#isNewTable) await this.#session.run(`DROP TABLE ${sql}`);
    if (existing.length === 0 || this.#isNewTable) {
      if (schema !== 'main') await this.#session.run(`CREATE SCHEMA IF NOT EXISTS ${quoted(schema)}`);
      const list = columns.map(
        (column) => `${quoted(column.name)} ${kernelType(column)}${column.nullable ? '' : ' NOT NULL'}`,
      );
      await this.#session.run(`CREATE TABLE ${sql} (${list.join(', ')})`);
    } else if (mode === 'overwrite') {
      await this.#session.run(`DELETE FROM ${sql}`);
    } else if (replaceKeys.length > 0) {
      const equal = replaceKeys.map((name) => `t.${quoted(name)} IS NOT DISTINCT FROM s.${quoted(name)}`);
      await this.#session.run(
        `DELETE FROM ${sql} AS t WHERE EXISTS (SELECT 1 FROM ${STAGING} s WHERE ${equal.join(' AND ')})`,
      );
    }
    await this.#session.run(`INSERT INTO ${sql} (${this.#names}) SELECT ${this.#names} FROM ${STAGING}`);
  }

  async #skipped(): Promise<TableWriteResult | undefined> {
    const { key } = this.#write;
    if (key === undefined) return undefined;
    const marker = await this.#session.marker(key, this.#table.table);
    if (marker === undefined || !isCommitted(key, marker)) return undefined;
    if (key.kind === 'stream' && key.epoch > marker.epoch) {
      const id = markerId(key, this.#table.table);
      await this.#session.run(`UPDATE ${MARKER_TABLE} SET epoch = greatest(epoch, ?) WHERE id = ?`, [
        key.epoch,
        id,
      ]);
    }
    return { outcome: 'skipped', rowCount: marker.rowCount };
  }

  get #isNewTable(): boolean {
    return this.#write.mode === 'overwrite' && !this.#write.truncate;
  }

  get #names(): string {
    return this.#write.columns.map(({ name }) => quoted(name)).join(', ');
  }

  async #existingColumns(): Promise<string[]> {
    const rows = await this.#session.rows(
      `SELECT column_name FROM duckdb_columns() WHERE lower(database_name) = lower(?) AND lower(schema_name) = lower(?) AND lower(table_name) = lower(?) ORDER BY column_index`,
      [this.#database.name, this.#table.schema, this.#table.table],
    );
    return rows.map(([name]) => String(name));
  }

  /** Rows come as one JSON text and are cast where they are stored. */
  async #prepareInsert(): Promise<DuckDBPreparedStatement> {
    const rows = await this.#session.rows(
      `SELECT column_name, data_type FROM duckdb_columns() WHERE database_name = 'temp' AND table_name = 'quarry_staging' ORDER BY column_index`,
    );
    const cells = rows.map(([, type], at) =>
      type === 'BLOB' ? `from_base64(r[${at + 1}])` : `CAST(r[${at + 1}] AS ${String(type)})`,
    );
    try {
      return await this.#session.connection.prepare(
        `INSERT INTO ${STAGING} SELECT ${cells.join(', ')} FROM (SELECT unnest(from_json($1, '[["VARCHAR"]]')) AS r)`,
      );
    } catch (thrown) {
      throw fromKernel(thrown);
    }
  }
}
