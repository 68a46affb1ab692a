import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { WriteKey } from '../../sinks/table-store.ts';
import { MARKER_TABLE, markerId, markerNumbers, type WriteMarker } from '../../sinks/write-marker.ts';
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

  async connect(): Promise<TableSession> {
    return new TableSession(await this.#instance.connect());
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

  close(): void {
    this.#instance.closeSync();
  }
}

/** One connection: temporary tables are its own. */
export class TableSession {
  readonly connection: DuckDBConnection;

  constructor(connection: DuckDBConnection) {
    this.connection = connection;
  }

  /** Answers how many rows were touched. */
  async run(sql: string, values: readonly (string | number | null)[] = []): Promise<number> {
    try {
      return (await this.connection.run(sql, [...values])).rowsChanged;
    } catch (thrown) {
      throw fromKernel(thrown);
    }
  }

  async rows(sql: string, values: readonly (string | number)[] = []): Promise<unknown[][]> {
    try {
      return await (await this.connection.run(sql, [...values])).getRowsJS();
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

  close(): void {
    this.connection.closeSync();
  }
}
