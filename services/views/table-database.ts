import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { WriteKey } from '../../sinks/table-store.ts';
import { MARKER_TABLE, markerId, markerNumbers, type WriteMarker } from '../../sinks/write-marker.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import { fromKernel } from './kernel-error.ts';

/** No index: one writer at a time looks before it writes, and the kernel checks unique keys more strictly than a transaction needs. */
const MARKERS = `CREATE TABLE IF NOT EXISTS ${MARKER_TABLE} (
  id VARCHAR NOT NULL, write_key VARCHAR NOT NULL, target VARCHAR NOT NULL, attempt VARCHAR NOT NULL, epoch BIGINT NOT NULL,
  batch_id BIGINT NOT NULL, row_count BIGINT NOT NULL, committed_at TIMESTAMP NOT NULL)`;

/** One DuckDB file. Transactions that change it run one after another: the kernel would let one of two fail. */
export class TableDatabase {
  readonly #instance: DuckDBInstance;
  /** Also how SQL may call the database, as MySQL lets it: NAME.table. */
  readonly name: string;
  #last: Promise<unknown> = Promise.resolve();
  readonly #sessions = new Set<TableSession>();
  #isClosed = false;

  private constructor(instance: DuckDBInstance, name: string) {
    this.#instance = instance;
    this.name = name;
  }

  static async open(path: string, name: string, memoryLimitBytes: number): Promise<TableDatabase> {
    const instance = await DuckDBInstance.create(path, {
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
      memory_limit: `${Math.floor(memoryLimitBytes / 1024)}KiB`,
      threads: '2',
    }).catch((thrown: unknown) => {
      throw fromKernel(thrown);
    });
    const database = new TableDatabase(instance, name);
    const session = await database.connect();
    await session.run(MARKERS);
    // From here on no statement of a caller reaches files.
    await session.run("SET GLOBAL TimeZone = 'UTC'");
    await session.run('SET enable_external_access = false');
    await session.run('SET lock_configuration = true');
    session.close();
    return database;
  }

  /** Errors: TABLES_UNAVAILABLE when the database is being closed. */
  async connect(): Promise<TableSession> {
    if (this.#isClosed) throw new QuarryError('TABLES_UNAVAILABLE', `the tables of ${this.name} are closing`);
    const session = new TableSession(await this.#instance.connect(), () => this.#sessions.delete(session));
    this.#sessions.add(session);
    return session;
  }

  /** Runs `change` in a transaction when the ones before have ended. */
  transaction<T>(session: TableSession, change: () => Promise<T>): Promise<T> {
    const result = this.#last.then(async () => {
      await session.run('BEGIN');
      try {
        const answer = await change();
        await session.run('COMMIT');
        return answer;
      } catch (thrown) {
        // A COMMIT that failed has rolled back already, and says so to a second one.
        await session.run('ROLLBACK').catch(() => undefined);
        throw thrown;
      }
    });
    this.#last = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  }

  /**
   * The file is free when this returns: the kernel keeps an instance for as long as it has a connection, and a second instance on
   * the file, which the lock does not keep out of the same process, would read what the first is still writing.
   */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#last;
    await Promise.all([...this.#sessions].map((session) => session.end()));
    this.#instance.closeSync();
  }
}

/** One connection: temporary tables are its own. */
export class TableSession {
  readonly connection: DuckDBConnection;
  readonly #onClose: () => void;
  readonly #running = new Set<Promise<unknown>>();
  #isClosed = false;

  constructor(connection: DuckDBConnection, onClose: () => void) {
    this.connection = connection;
    this.#onClose = onClose;
  }

  /** Answers how many rows were touched. */
  async run(sql: string, values: readonly (string | number | null)[] = []): Promise<number> {
    try {
      return (await this.running(this.connection.run(sql, [...values]))).rowsChanged;
    } catch (thrown) {
      throw fromKernel(thrown);
    }
  }

  async rows(sql: string, values: readonly (string | number)[] = []): Promise<unknown[][]> {
    try {
      return await (await this.running(this.connection.run(sql, [...values]))).getRowsJS();
    } catch (thrown) {
      throw fromKernel(thrown);
    }
  }

  async marker(key: WriteKey, table: string): Promise<WriteMarker | undefined> {
    const sql = `SELECT attempt, epoch, batch_id, row_count FROM ${MARKER_TABLE} WHERE id = ?`;
    const [row] = await this.rows(sql, [markerId(key, table)]);
    if (row === undefined) return undefined;
    const [attempt, epoch, batchId, rowCount] = row;
    return {
      attempt: String(attempt),
      epoch: Number(epoch),
      batchId: Number(batchId),
      rowCount: Number(rowCount),
    };
  }

  /** In a transaction. */
  async putMarker(
    key: WriteKey,
    table: string,
    marker: Pick<WriteMarker, 'attempt' | 'rowCount'>,
  ): Promise<void> {
    const id = markerId(key, table);
    const { epoch, batchId } = markerNumbers(key);
    await this.run(`DELETE FROM ${MARKER_TABLE} WHERE id = ?`, [id]);
    await this.run(
      `INSERT INTO ${MARKER_TABLE} VALUES (?, ?, ?, ?, ?, ?, ?, make_timestamp(epoch_us(now())))`,
      [id, JSON.stringify(key), table, marker.attempt, epoch, batchId, marker.rowCount],
    );
  }

  /** A call of the kernel that works on another thread: the connection is closed when it has come back. */
  async running<T>(call: Promise<T>): Promise<T> {
    this.#running.add(call);
    try {
      return await call;
    } finally {
      this.#running.delete(call);
    }
  }

  /** Interrupts what runs, and has closed the connection when it returns. */
  async end(): Promise<void> {
    this.connection.interrupt();
    await Promise.allSettled(this.#running);
    this.close();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.connection.closeSync();
    this.#onClose();
  }
}
