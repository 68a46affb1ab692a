import { describe, expect, it } from 'vitest';
import { jdbcUrlForPeople, parseJdbcUrl } from '../../../sinks/jdbc-url.ts';

describe('the URL of tables', () => {
  it.each([
    ['jdbc:mysql://db:3307/shop', { kind: 'mysql', host: 'db', port: 3307, database: 'shop' }],
    ['jdbc:mariadb://db/shop?useSSL=false', { kind: 'mariadb', host: 'db', port: 3306, database: 'shop' }],
    ['jdbc:mysql://[::1]:3306', { kind: 'mysql', host: '::1', port: 3306, database: '' }],
    [
      'jdbc:quarry://127.0.0.1:9292/clicks',
      { kind: 'quarry', host: '127.0.0.1', port: 9292, database: 'clicks' },
    ],
    ['jdbc:mysql://h/d?user=u&password=p%26q', { user: 'u', password: 'p&q' }],
  ])('%s', (url, expected) => {
    expect(parseJdbcUrl(url)).toMatchObject(expected);
  });

  it.each([
    'jdbc:postgresql://h/d?password=geheim',
    'mysql://root:geheim@h/d',
    'jdbc:mysql:h',
    '',
    'jdbc:mysql://root:geheim@h/d',
  ])('refuses %s, without what is secret in it', (url) => {
    expect(() => parseJdbcUrl(url)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    expect(() => parseJdbcUrl(url)).not.toThrow(/geheim/);
  });

  it('is shown without parameters and user', () => {
    expect(jdbcUrlForPeople('jdbc:mysql://u:p@h:1/d?password=x')).toBe('jdbc:mysql://h:1/d');
  });
});
