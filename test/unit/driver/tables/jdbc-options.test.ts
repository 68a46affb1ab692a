import { describe, expect, it } from 'vitest';
import { jdbcOptions } from '../../../../driver/tables/jdbc-options.ts';

const url = 'jdbc:mysql://h/d';

describe('options of format jdbc', () => {
  it('have no case', () => {
    expect(
      jdbcOptions({
        URL: url,
        dbTable: 't',
        BatchSize: '10',
        TRUNCATE: 'True',
        'quarry.ReplaceKeys': 'ds, product',
        User: 'u',
      }),
    ).toMatchObject({
      url,
      table: 't',
      batchRows: 10,
      truncate: true,
      replaceKeys: ['ds', 'product'],
      credentials: { user: 'u', password: undefined },
    });
    expect(jdbcOptions({ url })).toMatchObject({ batchRows: 1000, truncate: false, replaceKeys: [] });
  });

  it.each([{}, { url, batchsize: '0' }, { url, batchsize: 'many' }, { url, truncate: 'yes' }])(
    '%j is refused',
    (given) => {
      expect(() => jdbcOptions(given)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    },
  );
});
