import { MysqlTables } from '../../../sinks/mysql/mysql-tables.ts';
import { describeTableStore } from '../../conformance/sinks/table-store.suite.ts';
import { ROOT_PASSWORD, startMariadbServer } from '../../services/mariadb-server.ts';

describeTableStore('MariaDB', async () => {
  const server = await startMariadbServer();
  const tables = new MysqlTables({
    host: '127.0.0.1',
    port: server.port,
    user: 'root',
    password: ROOT_PASSWORD,
    database: 'quarry',
  });
  return {
    tables,
    kill: () => server.kill(),
    start: () => server.start(),
    async leftovers() {
      const rows = await tables.query("SHOW TABLES LIKE 'quarry\\_staging%'");
      return rows.map((row) => String(Object.values(row)[0]));
    },
    async dispose() {
      await tables.close();
      await server.stop();
    },
  };
});
