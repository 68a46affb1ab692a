import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection as CoreConnection, FieldPacket } from 'mysql2';
import type { Pool } from 'mysql2/promise';
import { hasCode, QuarryError } from '../../common/quarry-error.ts';
import { rowObjects } from '../row-objects.ts';
import type {
  TableColumn,
  TableRows,
  TableStore,
  TableValue,
  TableWrite,
  TableWriteResult,
} from '../table-store.ts';
import { checkWrite } from '../write-marker.ts';
import { mysqlError } from './mysql-error.ts';
import { MysqlMarkers } from './mysql-markers.ts';
import { type MysqlTable, tableLock, tableOf } from './mysql-names.ts';
import { liveConnection, type MysqlAccess, MysqlSession, openPool } from './mysql-session.ts';
import { finishRenames, lockTable } from './mysql-staging.ts';
import { type MysqlCell, sparkColumn, tableValue } from './mysql-type.ts';
import { LostCommit, MysqlWrite } from './mysql-write.ts';

/** A restarted server is back within seconds. */
const OUTCOME_ATTEMPTS = 30;
const OUTCOME_INTERVAL_MS = 500;
const READ_ROWS = 1000;
const CLOSE_MS_MAX = 2_000;

/**
 * Tables in MySQL 8 or MariaDB 10.6 and newer. Beside the tables that are written, in the same database, lives `quarry_writes`
 * (write-marker.ts); tables `quarry_staging_*` exist while a table is replaced, and those of dead writers are removed by the next
 * write. The user needs, on that database,
 *
 *   GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, CREATE TEMPORARY TABLES ON db.* TO user;
 *
 * ALTER is for overwrite without truncate and for errorifexists, INDEX for `replaceKeys` on a new table.
 */
export class MysqlTables implements TableStore {
  readonly #access: MysqlAccess;
  readonly #pool: Pool;

  constructor(access: MysqlAccess) {
    this.#access = access;
    this.#pool = openPool(access);
  }

  async write(
    target: TableWrite,
    rows: AsyncIterable<readonly (readonly TableValue[])[]>,
  ): Promise<TableWriteResult> {
    checkWrite(target);
    const table = tableOf(target.table, this.#access.database);
    const session = await this.#session(table);
    try {
      const result = await new MysqlWrite(session, table, target).run(rows);
      session.release();
      return result;
    } catch (thrown) {
      // Its transaction, its locks and its temporary table end with it.
      session.destroy();
      if (thrown instanceof LostCommit) return this.#outcome(target, table, thrown);
      throw thrown;
    }
  }

  async query(sql: string, parameters: readonly TableValue[] = []): Promise<Record<string, TableValue>[]> {
    return rowObjects(await this.read(sql, parameters));
  }

  async read(sql: string, parameters: readonly TableValue[] = []): Promise<TableRows> {
    const place = this.#access;
    const connection = await liveConnection(this.#pool, place);
    const core = (connection as unknown as { readonly connection: CoreConnection }).connection;
    const command = core.execute({ sql, values: [...parameters], rowsAsArray: true });
    const stream = command.stream({ highWaterMark: READ_ROWS, objectMode: true });
    const fields = await new Promise<FieldPacket[]>((resolve, reject) => {
      command.once('fields', (packets: FieldPacket[] | undefined) => resolve(packets ?? []));
      stream.once('error', reject);
      // A statement without a result.
      stream.once('end', () => resolve([]));
    }).catch((thrown: unknown) => {
      connection.destroy();
      throw mysqlError(thrown, place);
    });
    const columns = fields.map(sparkColumn);
    const types = columns.map(({ type }) => type);
    async function* batches(): AsyncGenerator<TableValue[][], void, undefined> {
      let isDone = false;
      try {
        let batch: TableValue[][] = [];
        for await (const row of stream) {
          batch.push((row as MysqlCell[]).map((cell, at) => tableValue(cell, types[at]!)));
          if (batch.length < READ_ROWS) continue;
          yield batch;
          batch = [];
        }
        if (batch.length > 0) yield batch;
        isDone = true;
      } catch (thrown) {
        throw mysqlError(thrown, place);
      } finally {
        // The rest of an abandoned result would have to be read before the connection is of use again.
        if (isDone) connection.release();
        else connection.destroy();
      }
    }
    return { columns, batches: batches() };
  }

  async describe(table: string): Promise<TableColumn[]> {
    const { columns, batches } = await this.read(`SELECT * FROM ${table} WHERE 1 = 0`);
    for await (const _ of batches);
    return [...columns];
  }

  async close(): Promise<void> {
    // A server that hangs is not waited for.
    await Promise.race([this.#pool.end(), sleep(CLOSE_MS_MAX, undefined, { ref: false })]);
  }

  #session(table: MysqlTable): Promise<MysqlSession> {
    const { host, port, user } = this.#access;
    return MysqlSession.open(this.#pool, { host, port, user, database: table.schema });
  }

  /** A commit whose answer was lost: the marker says what became of it. */
  async #outcome(target: TableWrite, table: MysqlTable, lost: LostCommit): Promise<TableWriteResult> {
    const { key } = target;
    if (key === undefined) {
      throw new QuarryError(
        'TABLES_UNAVAILABLE',
        `the connection broke while ${target.table} was being committed: nobody knows whether the rows are in it. Look before you write again, or give the write a run id`,
        { cause: lost, details: { outcome: 'unknown' } },
      );
    }
    for (let attempt = 1; ; attempt++) {
      try {
        const session = await this.#session(table);
        try {
          // Waits for a transaction that is still being committed.
          const marker = await new MysqlMarkers(session, table).find(key, 'LOCK IN SHARE MODE');
          if (marker?.attempt === lost.attempt) {
            if (lost.staging !== undefined) await showCommitted(session, table, lost.threadId);
            return { outcome: 'written', rowCount: lost.rowCount };
          }
        } finally {
          session.destroy();
        }
        throw lost.cause;
      } catch (thrown) {
        const isAway = hasCode(thrown, 'TABLES_UNAVAILABLE') && thrown !== lost.cause;
        if (!isAway || attempt >= OUTCOME_ATTEMPTS) throw thrown;
        await sleep(OUTCOME_INTERVAL_MS);
      }
    }
  }
}

/** The server may not have seen yet that the connection broke, which then still holds the table's lock: it is ended. */
async function showCommitted(session: MysqlSession, table: MysqlTable, threadId: number): Promise<void> {
  const [row] = await session.rows('SELECT IS_USED_LOCK(?) AS holder', [tableLock(table)]);
  // It may be gone by now.
  if (Number(row?.['holder']) === threadId) await session.run(`KILL ${threadId}`).catch(() => undefined);
  await lockTable(session, table);
  await finishRenames(session, table);
  await session.unlock(tableLock(table));
}
