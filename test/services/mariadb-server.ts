import { execFile } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createConnection } from 'mysql2/promise';
import { ChildService, freePort } from './child-service.ts';

const INSTALL = 'apt-get install -y --no-install-recommends mariadb-server';
const USER = userInfo().username;
export const ROOT_PASSWORD = 'root-pass';

export class MariadbServer extends ChildService {
  /** jdbc:mysql://127.0.0.1:PORT/quarry; user `root`, password `root-pass`. */
  readonly url: string;
  readonly port: number;

  constructor(directory: string, port: number) {
    super({
      command: 'mariadbd',
      args: [
        '--no-defaults',
        `--user=${USER}`,
        `--datadir=${dataOf(directory)}`,
        `--port=${port}`,
        '--bind-address=127.0.0.1',
        `--socket=${join(directory, 's')}`,
        `--pid-file=${join(directory, 'pid')}`,
        '--innodb-buffer-pool-size=64M',
        '--innodb-flush-log-at-trx-commit=1',
        '--skip-name-resolve',
      ],
      install: INSTALL,
      isReady: () => answers(port),
      directory,
    });
    this.url = `jdbc:mysql://127.0.0.1:${port}/quarry`;
    this.port = port;
  }
}

/** A MariaDB with a database `quarry`, each commit synced. */
export async function startMariadbServer(): Promise<MariadbServer> {
  const directory = await mkdtemp(join(tmpdir(), 'quarry-mariadb-'));
  const server = new MariadbServer(directory, await freePort());
  try {
    await install(dataOf(directory));
    await server.start(() => prepared(server.port));
  } catch (thrown) {
    await server.stop();
    throw thrown;
  }
  return server;
}

function dataOf(directory: string): string {
  return join(directory, 'data');
}

async function install(data: string): Promise<void> {
  const args = [
    '--no-defaults',
    `--datadir=${data}`,
    '--auth-root-authentication-method=normal',
    '--skip-test-db',
  ];
  await promisify(execFile)('mariadb-install-db', [...args, `--user=${USER}`]).catch((cause: unknown) => {
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
