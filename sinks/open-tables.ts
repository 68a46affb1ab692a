import { QuarryError } from '../common/quarry-error.ts';
import { parseJdbcUrl } from './jdbc-url.ts';
import type { TableStore } from './table-store.ts';

export interface TableCredentials {
  readonly user?: string | undefined;
  readonly password?: string | undefined;
}

/**
 * The tables of a JDBC URL: `jdbc:mysql://HOST:PORT/DATABASE`, `jdbc:mariadb://...` or `jdbc:quarry://HOST:PORT/NAME`. User and password
 * may stand in the URL too, as `?user=U&password=P`. Nothing is connected before the first call. Errors: INVALID_ARGUMENT.
 */
export async function openTables(jdbcUrl: string, credentials: TableCredentials = {}): Promise<TableStore> {
  const { kind, host, port, database, ...inUrl } = parseJdbcUrl(jdbcUrl);
  if (kind === 'quarry') {
    if (database === '') {
      throw new QuarryError(
        'INVALID_ARGUMENT',
        `${jdbcUrl} names no database: use jdbc:quarry://HOST:PORT/NAME`,
      );
    }
    const { QuarryTables } = await import('./quarry/quarry-tables.ts');
    return new QuarryTables(`${host}:${port}`, database);
  }
  const { MysqlTables } = await import('./mysql/mysql-tables.ts');
  return new MysqlTables({
    host,
    port,
    database,
    user: credentials.user ?? inUrl.user ?? '',
    password: credentials.password ?? inUrl.password ?? '',
  });
}
