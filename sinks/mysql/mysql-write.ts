import { randomBytes } from 'node:crypto';
import { hasCode } from '../../common/quarry-error.ts';
import type { TableValue, TableWrite, TableWriteResult } from '../table-store.ts';
import { checkColumns, isCommitted, tableExists } from '../write-marker.ts';
import { MysqlMarkers } from './mysql-markers.ts';
import { id, type MysqlTable, quoted, tableLock } from './mysql-names.ts';
import { afterDeadlock, type MysqlSession } from './mysql-session.ts';
import {
  cleanUp,
  columnList,
  definitionOf,
  finishRenames,
  loadRows,
  lockTable,
  stageAsTarget,
  stageForTarget,
  tableIsThere,
  takeName,
} from './mysql-staging.ts';

type Rows = AsyncIterable<readonly (readonly TableValue[])[]>;

/** Nobody knows whether the server carried out COMMIT: the connection broke before it answered. */
export class LostCommit extends Error {
  readonly attempt: string;
  readonly rowCount: number;
  /** The table that was to take the target's name. */
  readonly staging: string | undefined;
  /** Of the connection, at the server. */
  readonly threadId: number;

  constructor(
    written: { attempt: string; rowCount: number; staging: string | undefined; threadId: number },
    cause: unknown,
  ) {
    super('the connection broke during COMMIT', { cause });
    this.attempt = written.attempt;
    this.rowCount = written.rowCount;
    this.staging = written.staging;
    this.threadId = written.threadId;
  }
}

/**
 * One write over one connection. Rows are staged; then one transaction under the table's lock looks at the marker, takes the rows
 * over and moves the marker. A table that is replaced as a whole, or made by errorifexists or ignore, is staged under another name, and takes the
 * target's after the transaction: the marker names it until then, so that whoever comes next finishes what was committed.
 */
export class MysqlWrite {
  readonly #session: MysqlSession;
  readonly #target: MysqlTable;
  readonly #write: TableWrite;
  readonly #markers: MysqlMarkers;
  readonly #attempt = randomBytes(16).toString('hex');

  constructor(session: MysqlSession, target: MysqlTable, write: TableWrite) {
    this.#session = session;
    this.#target = target;
    this.#write = write;
    this.#markers = new MysqlMarkers(session, target);
  }

  /** Errors: as TableStore.write, and LostCommit. The session is of no use after one. */
  async run(rows: Rows): Promise<TableWriteResult> {
    await cleanUp(this.#session, this.#target);
    const skipped = await this.#skipped('');
    if (skipped !== undefined) {
      await this.#showCommitted();
      return skipped;
    }
    const { mode, truncate } = this.#write;
    const isThere = await tableIsThere(this.#session, this.#target);
    if (isThere && mode === 'errorifexists') throw tableExists(this.#write.table);
    if (isThere && mode === 'ignore') return { outcome: 'written', rowCount: 0 };
    if (this.#write.key !== undefined) await this.#markers.create();
    const isNewTable = mode === 'overwrite' ? !truncate : mode !== 'append';
    return isNewTable ? this.#writeNewTable(rows) : this.#writeInto(rows, isThere);
  }

  async #writeInto(rows: Rows, isThere: boolean): Promise<TableWriteResult> {
    const session = this.#session;
    const write = this.#write;
    if (!isThere) {
      await session.run(`CREATE TABLE IF NOT EXISTS ${quoted(this.#target)} ${definitionOf(write)}`);
    }
    checkColumns(write, await this.#existingColumns());
    const staging = await stageForTarget(session, this.#target, write);
    const rowCount = await loadRows(session, staging, write, rows);
    const result = await this.#commit(rowCount, undefined, async () => {
      if (write.mode === 'overwrite') await session.run(`DELETE FROM ${quoted(this.#target)}`);
      else if (write.replaceKeys.length > 0) await session.run(this.#replaced(staging));
      const columns = columnList(write);
      await session.run(
        `INSERT INTO ${quoted(this.#target)} (${columns}) SELECT ${columns} FROM ${quoted(staging)}`,
      );
    });
    await session.run(`DROP TEMPORARY TABLE ${quoted(staging)}`);
    return result;
  }

  async #writeNewTable(rows: Rows): Promise<TableWriteResult> {
    const session = this.#session;
    const staging = await stageAsTarget(session, this.#target, this.#write);
    const unwanted = async () => {
      await session.run(`DROP TABLE IF EXISTS ${quoted(staging)}`);
      await session.unlock(staging.table);
    };
    let result: TableWriteResult;
    try {
      const rowCount = await loadRows(session, staging, this.#write, rows);
      result = await this.#commit(rowCount, staging.table, async () => {
        const isMade = this.#write.mode !== 'overwrite' && (await tableIsThere(session, this.#target));
        if (isMade) throw tableExists(this.#write.table);
      });
    } catch (thrown) {
      // A server that is away keeps it for the next writer to remove.
      if (!(thrown instanceof LostCommit) && !hasCode(thrown, 'TABLES_UNAVAILABLE')) await unwanted();
      if (this.#write.mode === 'ignore' && hasCode(thrown, 'TABLE_EXISTS'))
        return { outcome: 'written', rowCount: 0 };
      throw thrown;
    }
    // Renamed when it was committed: then there is nothing to remove.
    await unwanted();
    return result;
  }

  /** The transaction that decides. `takeOver` runs in it. */
  async #commit(
    rowCount: number,
    staging: string | undefined,
    takeOver: () => Promise<void>,
  ): Promise<TableWriteResult> {
    const session = this.#session;
    await lockTable(session, this.#target);
    await finishRenames(session, this.#target);
    const result = await afterDeadlock(async () => {
      await session.run('START TRANSACTION');
      try {
        const skipped = await this.#skipped('FOR UPDATE');
        if (skipped === undefined) {
          await takeOver();
          await this.#putMarker(rowCount, staging ?? null);
        }
        await this.#endTransaction(rowCount, staging);
        return skipped ?? ({ outcome: 'written', rowCount } as const);
      } catch (thrown) {
        if (!(thrown instanceof LostCommit) && !hasCode(thrown, 'TABLES_UNAVAILABLE'))
          await session.run('ROLLBACK');
        throw thrown;
      }
    });
    if (staging !== undefined && result.outcome === 'written') {
      await takeName(session, this.#target, staging);
      await finishRenames(session, this.#target);
    }
    await session.unlock(tableLock(this.#target));
    return result;
  }

  async #endTransaction(rowCount: number, staging: string | undefined): Promise<void> {
    try {
      await this.#session.run('COMMIT');
    } catch (thrown) {
      const { threadId } = this.#session;
      throw new LostCommit({ attempt: this.#attempt, rowCount, staging, threadId }, thrown);
    }
  }

  /** What is committed may still be under another name, while whoever committed it is dying. */
  async #showCommitted(): Promise<void> {
    const pending = await this.#markers.pending();
    if (!pending.some(({ target }) => target === this.#target.table)) return;
    await lockTable(this.#session, this.#target);
    await finishRenames(this.#session, this.#target);
    await this.#session.unlock(tableLock(this.#target));
  }

  async #skipped(lock: '' | 'FOR UPDATE'): Promise<TableWriteResult | undefined> {
    const { key } = this.#write;
    if (key === undefined) return undefined;
    const marker = await this.#markers.find(key, lock);
    if (marker === undefined || !isCommitted(key, marker)) return undefined;
    await this.#markers.raiseEpoch(key, marker);
    return { outcome: 'skipped', rowCount: marker.rowCount };
  }

  async #putMarker(rowCount: number, staging: string | null): Promise<void> {
    const { key } = this.#write;
    if (key !== undefined) await this.#markers.put(key, { attempt: this.#attempt, rowCount, staging });
  }

  async #existingColumns(): Promise<string[]> {
    const rows = await this.#session.rows(
      'SELECT column_name AS name FROM information_schema.columns WHERE table_schema = ? AND table_name = ? ORDER BY ordinal_position',
      [this.#target.schema, this.#target.table],
    );
    return rows.map((row) => String(row['name']));
  }

  /** `<=>` finds nulls and uses an index; text is compared as bytes besides, whatever the column's collation takes for equal. */
  #replaced(staging: MysqlTable): string {
    const { columns, replaceKeys } = this.#write;
    const names = replaceKeys.map(id).join(', ');
    const equal = replaceKeys.map((name) => {
      const column = columns.find((other) => other.name.toLowerCase() === name.toLowerCase())!;
      const [old, key] = [`t.${id(name)}`, `k.${id(name)}`];
      const same = `${old} <=> ${key}`;
      return column.type === 'string'
        ? `${same} AND CAST(${old} AS BINARY) <=> CAST(${key} AS BINARY)`
        : same;
    });
    return `DELETE t FROM ${quoted(this.#target)} t JOIN (SELECT DISTINCT ${names} FROM ${quoted(staging)}) k ON ${equal.join(' AND ')}`;
  }
}
