import { describe, expect, it } from 'vitest';
import { openTables } from '../../../sinks/open-tables.ts';
import { openView } from '../../../sinks/open-view.ts';

describe('stores by URL', () => {
  it.each(['redis://127.0.0.1:1', 'rediss://u:p@127.0.0.1:1/2', 'quarry-views://127.0.0.1:1'])(
    'opens %s',
    async (url) => {
      await (await openView(url)).close();
    },
  );

  it.each(['jdbc:mysql://127.0.0.1:1/d', 'jdbc:mariadb://127.0.0.1:1/d', 'jdbc:quarry://127.0.0.1:1/d'])(
    'opens %s, and says when nobody is there',
    async (url) => {
      const tables = await openTables(url, { user: 'u', password: 'p' });
      await expect(tables.query('SELECT 1')).rejects.toMatchObject({ code: 'TABLES_UNAVAILABLE' });
      await tables.close();
    },
  );

  it('says which URLs there are', async () => {
    await expect(openView('memcached://u:geheim@h:1')).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.not.stringContaining('geheim') as string,
    });
    await expect(openView('quarry-views://h')).rejects.toThrow(/quarry-views:\/\/HOST:PORT/);
    await expect(openTables('jdbc:quarry://h:1')).rejects.toThrow(/names no database/);
  });
});
