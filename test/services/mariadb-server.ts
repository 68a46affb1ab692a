import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createConnection } from 'mysql2/promise';
import { ChildService, freePort } from './child-service.ts';

const INSTALL = 'apt-get install -y --no-install-recommends mariadb-server';
export const ROOT_PASSWORD = 'root-pass';

export interface MariadbServer {
  /** jdbc:mysql://127.0.0.1:PORT/quarry; user `root`, password `root-pass`. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Ends it in order and starts it on the same data. */
  restart(): Promise<void>;
  /** kill -9. */
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** A MariaDB with a database `quarry`, each commit synced. */
export async function startMariadbServer(): Promise<MariadbServer> {
  const directory = await mkdtemp(join(tmpdir(), 'quarry-mariadb-'));
  const port = await freePort();
  const data = join(directory, 'data');
  const user = userInfo().username;
  const service = new ChildService(
    'mariadbd',
    [
      '--no-defaults',
      `--user=${user}`,
      `--datadir=${data}`,
      `--port=${port}`,
      '--bind-address=127.0.0.1',
      `--socket=${join(directory, 's')}`,
      `--pid-file=${join(directory, 'pid')}`,
      '--innodb-buffer-pool-size=64M',
      '--innodb-flush-log-at-trx-commit=1',
      '--skip-name-resolve',
    ],
    INSTALL,
  );
  const start = () => service.start(() => answers(port));
  const server: MariadbServer = {
    url: `jdbc:mysql://127.0.0.1:${port}/quarry`,
    port,
    get pid() {
      return service.pid;
    },
    start,
    async restart() {
      await service.end('SIGTERM');
      await start();
    },
    kill: () => service.end('SIGKILL'),
    async stop() {
      await service.end('SIGKILL');
      await rm(directory, { recursive: true, force: true });
    },
  };
  try {
    await install(data, user);
    await service.start(() => prepared(port));
  } catch (thrown) {
    await server.stop();
    throw thrown;
  }
  return server;
}

async function install(data: string, user: string): Promise<void> {
  const args = [
    '--no-defaults',
    `--datadir=${data}`,
    '--auth-root-authentication-method=normal',
    '--skip-test-db',
  ];
  await promisify(execFile)('mariadb-install-db', [...args, `--user=${user}`]).catch((cause: unknown) => {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
    throw new Error(`mariadb-install-db is missing: run ${INSTALL}`, { cause });
  });
}

/** The first start: makes the database and root's password. */
async function prepared(port: number): Promise<boolean> {
  try {
    const connection = await createConnection({
      host: '127.0.0.1',
      port,
      user: 'root',
      connectTimeout: 1000,
    });
    await connection.query('CREATE DATABASE IF NOT EXISTS quarry CHARACTER SET utf8mb4');
    await connection.query(`ALTER USER root@'127.0.0.1' IDENTIFIED BY '${ROOT_PASSWORD}'`);
    await connection.end();
    return true;
  } catch (thrown) {
    if ((thrown as { code?: string }).code === 'ECONNREFUSED') return false;
    throw thrown;
  }
}

async function answers(port: number): Promise<boolean> {
  try {
    const connection = await createConnection({
      host: '127.0.0.1',
      port,
      user: 'root',
      password: ROOT_PASSWORD,
      connectTimeout: 1000,
    });
    await connection.end();
    return true;
  } catch {
    return false;
  }
}
