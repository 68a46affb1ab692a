import { describe, expect, it } from 'vitest';
import { rowWriter } from '../../../../sinks/mysql/mysql-literal.ts';
import { tableOf } from '../../../../sinks/mysql/mysql-names.ts';
import { mysqlType } from '../../../../sinks/mysql/mysql-type.ts';

const column = (name: string, type: string) => ({ name, type, nullable: true });

describe('rows for MySQL', () => {
  it('are literals that mean the same whatever is in them', () => {
    const write = rowWriter([
      column('a', 'string'),
      column('b', 'binary'),
      column('c', 'timestamp'),
      column('d', 'decimal(10,2)'),
      column('e', 'double'),
      column('f', 'boolean'),
    ]);
    expect(write(["it's \\ \0", Buffer.from([0, 255]), '2026-01-01T00:00:00.5Z', '-1.50', 1e300, true])).toBe(
      `('it\\'s \\\\ \\0',X'00ff','2026-01-01 00:00:00.5','-1.50',1e+300,true)`,
    );
    expect(write([])).toBe('(NULL,NULL,NULL,NULL,NULL,NULL)');
    expect(() => write(['', null, null, null, Number.POSITIVE_INFINITY])).toThrow(
      expect.objectContaining({ code: 'BAD_DATA' }),
    );
  });

  it('have types that MySQL has', () => {
    expect(mysqlType(column('a', 'decimal(38,10)'), false)).toBe('DECIMAL(38,10)');
    expect(mysqlType(column('a', 'string'), true)).toContain('VARCHAR(255)');
    for (const type of [
      'decimal(38,31)',
      'array<int>',
      'map<string,int>',
      'struct<a:int>',
      'interval day to second',
    ]) {
      expect(() => mysqlType(column('a', type), false)).toThrow(
        expect.objectContaining({ code: 'UNSUPPORTED' }),
      );
    }
  });

  it('go to a table of a database', () => {
    expect(tableOf('t', 'd')).toEqual({ schema: 'd', table: 't' });
    expect(tableOf('`s`.`t`', 'd')).toEqual({ schema: 's', table: 't' });
    expect(() => tableOf('t', '')).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });
});
