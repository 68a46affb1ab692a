import { QuarryTables } from '../../../sinks/quarry/quarry-tables.ts';
import { QuarryView } from '../../../sinks/quarry/quarry-view.ts';
import { describeKeyValueView } from './key-value-view.suite.ts';
import { describeTableStore } from './table-store.suite.ts';
import { startViews } from './views-process.ts';

describeKeyValueView('services/views', async () => {
  const server = await startViews();
  const view = new QuarryView(server.address);
  return {
    view,
    restart: async () => {
      await server.end();
      await server.start();
    },
    kill: () => server.end(),
    start: () => server.start(),
    dispose: async () => {
      await view.close();
      await server.dispose();
    },
  };
});

describeTableStore('services/views', async () => {
  const server = await startViews();
  const tables = new QuarryTables(server.address, 'quarry');
  return {
    tables,
    kill: () => server.end(),
    start: () => server.start(),
    leftovers: async () => {
      const rows = await tables.query(
        "SELECT table_name FROM duckdb_tables() WHERE table_name LIKE 'quarry_staging%'",
      );
      return rows.map((row) => String(row['table_name']));
    },
    dispose: async () => {
      await tables.close();
      await server.dispose();
    },
  };
});
