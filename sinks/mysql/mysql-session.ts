import type { Pool, PoolConnection, ResultSetHeader, RowDataPacket } from 'mysql2/promise';
import { createPool } from 'mysql2/promise';
import { hasCode } from '../../common/quarry-error.ts';
import { isDeadlock, isMissingTable, type MysqlFailure, type MysqlPlace, mysqlError } from './mysql-error.ts';

const CONNECT_TIMEOUT_MS = 5_000;
/** Nothing waits for a silent server longer than that. A statement over many rows takes its time. */
const STATEMENT_TIMEOUT_MS = 600_000;
const CONNECTIONS_MAX = 8;

/**
 * Times are UTC whatever the server's zone, what does not fit is an error and never cut, and backslashes escape as mysql2
 * writes them.
 */
const SETTINGS =
  "SET SESSION time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION', innodb_lock_wait_timeout = 50";

export interface MysqlAccess extends MysqlPlace {
  readonly password: string;
}

export function openPool(access: MysqlAccess): Pool {
  const pool = createPool({
    host: access.host,
    port: access.port,
    user: access.user,
    password: access.password,
    ...(access.database === '' ? {} : { database: access.database }),
    connectTimeout: CONNECT_TIMEOUT_MS,
    connectionLimit: CONNECTIONS_MAX,
    maxIdle: 2,
    idleTimeout: 30_000,
    enableKeepAlive: true,
    charset: 'utf8mb4',
    timezone: 'Z',
    dateStrings: true,
    supportBigNumbers: true,
    bigNumberStrings: true,
    maxPreparedStatements: 64,
  });
  // Commands of a connection run in turn, so that the settings come before whatever asked for it.
  pool.pool.on('connection', (connection) => {
    connection.query(SETTINGS, (error) => {
      if (error !== null) connection.destroy();
    });
  });
  return pool;
}

/**
 * A connection that answers. One that was idle may have died unseen, with the server or by its time limit: the next is taken then.
 * Errors: TABLES_UNAVAILABLE, PERMISSION_DENIED, INVALID_ARGUMENT.
 */
export async function liveConnection(pool: Pool, place: MysqlPlace): Promise<PoolConnection> {
  try {
    for (let attempt = 0; ; attempt++) {
      const connection = await pool.getConnection();
      try {
        await connection.query({ sql: 'DO 1', timeout: CONNECT_TIMEOUT_MS });
        return connection;
      } catch (thrown) {
        connection.destroy();
        if (attempt >= CONNECTIONS_MAX) throw thrown;
      }
    }
  } catch (thrown) {
    throw mysqlError(thrown, place);
  }
}

/** One connection, for as long as its temporary tables, locks and transaction are needed. */
export class MysqlSession {
  readonly #connection: PoolConnection;
  readonly #place: MysqlPlace;

  constructor(connection: PoolConnection, place: MysqlPlace) {
    this.#connection = connection;
    this.#place = place;
  }

  /** Errors: as `liveConnection`. */
  static async open(pool: Pool, place: MysqlPlace): Promise<MysqlSession> {
    return new MysqlSession(await liveConnection(pool, place), place);
  }

  /** The connection's number at the server. */
  get threadId(): number {
    return this.#connection.threadId;
  }

  async rows(sql: string, values: readonly unknown[] = []): Promise<RowDataPacket[]> {
    return (await this.#query(sql, values)) as RowDataPacket[];
  }

  /** Answers how many rows the statement touched. */
  async run(sql: string, values: readonly unknown[] = []): Promise<number> {
    return ((await this.#query(sql, values)) as ResultSetHeader).affectedRows;
  }

  /** As `rows`; undefined when the table is not there. */
  async rowsIfTable(sql: string, values: readonly unknown[]): Promise<RowDataPacket[] | undefined> {
    try {
      return await this.rows(sql, values);
    } catch (thrown) {
      if (isMissingTable(causeOf(thrown))) return undefined;
      throw thrown;
    }
  }

  /** Waits at most `timeoutSeconds` for the named lock of the server, which ends with this connection. */
  async lock(name: string, timeoutSeconds: number): Promise<boolean> {
    const [row] = await this.rows('SELECT GET_LOCK(?, ?) AS held', [name, timeoutSeconds]);
    return Number(row?.['held']) === 1;
  }

  async unlock(name: string): Promise<void> {
    await this.rows('SELECT RELEASE_LOCK(?)', [name]);
  }

  release(): void {
    this.#connection.release();
  }

  /** Ends the connection, and with it its transaction, temporary tables and locks. */
  destroy(): void {
    this.#connection.destroy();
  }

  async #query(sql: string, values: readonly unknown[]): Promise<unknown> {
    try {
      const [result] = await this.#connection.query({
        sql,
        timeout: STATEMENT_TIMEOUT_MS,
        values: [...values],
      });
      return result;
    } catch (thrown) {
      throw mysqlError(thrown, this.#place);
    }
  }
}

/** Runs `transaction` again when the server chose it as a deadlock's victim: it was rolled back. */
export async function afterDeadlock<T>(transaction: () => Promise<T>, attempts = 5): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await transaction();
    } catch (thrown) {
      if (attempt >= attempts || !hasCode(thrown, 'TABLES_UNAVAILABLE') || !isDeadlock(causeOf(thrown)))
        throw thrown;
    }
  }
}

function causeOf(thrown: unknown): MysqlFailure {
  return ((thrown as Error).cause ?? {}) as MysqlFailure;
}
