import { connect, createServer, type Socket } from 'node:net';
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MysqlTables } from '../../../sinks/mysql/mysql-tables.ts';
import type { TableColumn, TableValue, TableWrite, WriteKey } from '../../../sinks/table-store.ts';
import { type MariadbServer, ROOT_PASSWORD, startMariadbServer } from '../../services/mariadb-server.ts';

const COLUMNS: TableColumn[] = [{ name: 'ds', type: 'string', nullable: true }];

let server: MariadbServer;
let tables: MysqlTables;

const open = (user = 'root', password = ROOT_PASSWORD) =>
  new MysqlTables({ host: '127.0.0.1', port: server.port, user, password, database: 'quarry' });
const run = (runId: string): WriteKey => ({ kind: 'run', dag: 'd', task: 't', runId, ordinal: 0 });
const target = (table: string, more: Partial<TableWrite> = {}): TableWrite => ({
  table,
  columns: COLUMNS,
  mode: 'append',
  truncate: false,
  key: undefined,
  replaceKeys: [],
  batchRows: 1000,
  ...more,
});
async function* rowsOf(...rows: TableValue[][]): AsyncGenerator<TableValue[][]> {
  yield rows;
}
async function admin(...statements: string[]): Promise<unknown[]> {
  const connection = await createConnection({
    host: '127.0.0.1',
    port: server.port,
    user: 'root',
    password: ROOT_PASSWORD,
    database: 'quarry',
  });
  try {
    let rows: unknown = [];
    for (const statement of statements) [rows] = await connection.query(statement);
    return rows as unknown[];
  } finally {
    await connection.end();
  }
}
const dates = async (table: string) =>
  (await tables.query(`SELECT ds FROM ${table} ORDER BY ds`)).map((row) => row['ds']);

interface CommitProxy {
  readonly port: number;
  close(): Promise<void>;
}

/** Passes everything on, until the nth COMMIT of a connection: that one reaches the server or not, and its answer nobody. Later connections are left alone. */
async function cutAtCommit(
  port: number,
  { commit, isForwarded }: { commit: number; isForwarded: boolean },
): Promise<CommitProxy> {
  const sockets = new Set<Socket>();
  let isCut = false;
  const proxy = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    let commits = 0;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      // A side that was cut off tells the other one below.
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        if (!isCut) (socket === client ? upstream : client).destroy();
      });
    }
    upstream.on('data', (bytes) => client.write(bytes));
    client.on('data', (bytes) => {
      const isCommit = bytes.subarray(4).toString('latin1') === '\u0003COMMIT';
      if (!isCommit || isCut || ++commits < commit) {
        upstream.write(bytes);
        return;
      }
      isCut = true;
      if (isForwarded) upstream.write(bytes, () => client.destroy());
      else {
        upstream.destroy();
        client.destroy();
      }
    });
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  return {
    port: (proxy.address() as { port: number }).port,
    close: () =>
      new Promise((resolve) => {
        proxy.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

beforeAll(async () => {
  server = await startMariadbServer();
  tables = open();
});
afterAll(async () => {
  await tables?.close();
  await server?.stop();
});

describe('rights in MariaDB', () => {
  it('names the grant that is missing, and works with the documented one', async () => {
    await admin("CREATE USER app@'%' IDENTIFIED BY 'app-pass'", "GRANT SELECT ON quarry.* TO app@'%'");
    const app = open('app', 'app-pass');
    await expect(app.write(target('rights'), rowsOf(['a']))).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
      message: expect.stringMatching(/GRANT SELECT, INSERT, .* ON `quarry`\.\* TO 'app'@'%'/) as string,
    });
    await app.close();
    await admin(
      "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, CREATE TEMPORARY TABLES ON quarry.* TO app@'%'",
    );
    const granted = open('app', 'app-pass');
    const write = (more: Partial<TableWrite>) => granted.write(target('rights', more), rowsOf(['a']));
    await write({ key: run('g1'), replaceKeys: ['ds'] });
    await write({ key: run('g2'), mode: 'overwrite' });
    await write({ key: run('g3'), mode: 'overwrite', truncate: true });
    expect(await dates('rights')).toEqual(['a']);
    await granted.close();
  });

  it('says which password is wrong without showing it', async () => {
    const wrong = open('root', 'not-it');
    const failing = wrong.query('SELECT 1');
    await expect(failing).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    await expect(failing).rejects.not.toThrow(/not-it/);
    await wrong.close();
  });

  it('says that the database is not there', async () => {
    const lost = new MysqlTables({
      host: '127.0.0.1',
      port: server.port,
      user: 'root',
      password: ROOT_PASSWORD,
      database: 'nowhere',
    });
    await expect(lost.query('SELECT 1')).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('nowhere') as string,
    });
    await lost.close();
  });
});

describe('what dead writers leave in MariaDB', () => {
  it('is removed by the next write, and a live one keeps its own', async () => {
    await admin('CREATE TABLE quarry_staging_dead (a INT)');
    let release = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    async function* slow(): AsyncGenerator<TableValue[][]> {
      yield [['slow']];
      await held;
    }
    const other = open();
    const writing = other.write(target('slow', { mode: 'overwrite' }), slow());
    await new Promise((resolve) => setTimeout(resolve, 300));
    await tables.write(target('quick'), rowsOf(['q']));
    expect(await admin("SHOW TABLES LIKE 'quarry\\_staging\\_%'")).toHaveLength(1);
    release();
    expect(await writing).toEqual({ outcome: 'written', rowCount: 1 });
    expect(await admin("SHOW TABLES LIKE 'quarry\\_staging\\_%'")).toEqual([]);
    await other.close();
  });

  it('takes the name that was committed for it', async () => {
    await tables.write(target('swapped', { key: run('s0') }), rowsOf(['old']));
    // As a writer leaves it that dies between its COMMIT and the renaming.
    await admin(
      'CREATE TABLE quarry_staging_ffff (ds LONGTEXT)',
      "INSERT INTO quarry_staging_ffff VALUES ('new')",
      "UPDATE quarry_writes SET staging = 'quarry_staging_ffff' WHERE target = 'swapped'",
    );
    expect(await tables.write(target('swapped', { key: run('s0') }), rowsOf(['again']))).toEqual({
      outcome: 'skipped',
      rowCount: 1,
    });
    expect(await dates('swapped')).toEqual(['new']);
    expect(await admin('SELECT 1 FROM quarry_writes WHERE staging IS NOT NULL')).toEqual([]);
    expect(await admin("SHOW TABLES LIKE 'quarry\\_staging\\_%'")).toEqual([]);
  });
});

describe('a connection to MariaDB that is cut', () => {
  const through = async (proxy: CommitProxy, key: WriteKey | undefined, table: string) => {
    const cut = new MysqlTables({
      host: '127.0.0.1',
      port: proxy.port,
      user: 'root',
      password: ROOT_PASSWORD,
      database: 'quarry',
    });
    try {
      // The first COMMIT is the staging's, the second one decides.
      return await cut.write(target(table, { key }), rowsOf(['a']));
    } finally {
      await cut.close();
      await proxy.close();
    }
  };

  it('asks the marker what became of a COMMIT without an answer: it was carried out', async () => {
    const proxy = await cutAtCommit(server.port, { commit: 2, isForwarded: true });
    expect(await through(proxy, run('cut-1'), 'cut_1')).toEqual({ outcome: 'written', rowCount: 1 });
    expect(await dates('cut_1')).toEqual(['a']);
  });

  it('asks the marker what became of a COMMIT without an answer: it was not', async () => {
    const proxy = await cutAtCommit(server.port, { commit: 2, isForwarded: false });
    await expect(through(proxy, run('cut-2'), 'cut_2')).rejects.toMatchObject({ code: 'TABLES_UNAVAILABLE' });
    expect(await dates('cut_2')).toEqual([]);
    expect(await tables.write(target('cut_2', { key: run('cut-2') }), rowsOf(['a']))).toMatchObject({
      outcome: 'written',
    });
  });

  it('says that nobody knows, without a key', async () => {
    const proxy = await cutAtCommit(server.port, { commit: 2, isForwarded: true });
    await expect(through(proxy, undefined, 'cut_3')).rejects.toMatchObject({
      code: 'TABLES_UNAVAILABLE',
      details: { outcome: 'unknown' },
    });
  });

  it('finishes a table that was committed, when only its new name is missing', async () => {
    const proxy = await cutAtCommit(server.port, { commit: 2, isForwarded: true });
    await tables.write(target('cut_4'), rowsOf(['old']));
    const cut = new MysqlTables({
      host: '127.0.0.1',
      port: proxy.port,
      user: 'root',
      password: ROOT_PASSWORD,
      database: 'quarry',
    });
    const write = target('cut_4', { key: run('cut-4'), mode: 'overwrite' });
    expect(await cut.write(write, rowsOf(['new']))).toEqual({ outcome: 'written', rowCount: 1 });
    expect(await dates('cut_4')).toEqual(['new']);
    await cut.close();
    await proxy.close();
  });
});

describe('values in MariaDB', () => {
  it('compares replaced text byte by byte, whatever the collation of the table', async () => {
    await admin(
      'CREATE TABLE ci (ds VARCHAR(20)) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci',
      "INSERT INTO ci VALUES ('a'), ('A'), ('a ')",
    );
    await tables.write(target('ci', { replaceKeys: ['ds'] }), rowsOf(['a']));
    expect(await admin('SELECT HEX(ds) AS h FROM ci ORDER BY h')).toEqual([
      { h: '41' },
      { h: '61' },
      { h: '6120' },
    ]);
  });

  it('refuses numbers that MySQL does not have', async () => {
    const columns: TableColumn[] = [{ name: 'd', type: 'double', nullable: true }];
    await expect(tables.write(target('nan', { columns }), rowsOf([Number.NaN]))).rejects.toMatchObject({
      code: 'BAD_DATA',
    });
  });
});
