import { describe, expect, it } from 'vitest';
import { isTimeZone, SparkConf } from '../../../../driver/session/spark-conf.ts';

describe('SparkConf', () => {
  it('has defaults that clients can parse', () => {
    const conf = new SparkConf();
    for (const key of [
      'spark.sql.session.localRelationCacheThreshold',
      'spark.sql.session.localRelationSizeLimit',
    ]) {
      expect(conf.get(key)).toMatch(/^\d+$/);
    }
    expect(conf.get('spark.sql.session.timeZone')).toBe('UTC');
  });

  it('tells what was set from what is default', () => {
    const conf = new SparkConf();
    conf.set('spark.sql.shuffle.partitions', '8');
    conf.set('my.own.key', 'x');
    expect([...conf.changed()]).toEqual([
      ['spark.sql.shuffle.partitions', '8'],
      ['my.own.key', 'x'],
    ]);
    conf.unset('spark.sql.shuffle.partitions');
    expect(conf.get('spark.sql.shuffle.partitions')).toBe('200');
    expect(conf.all('my.own.')).toEqual([['key', 'x']]);
  });

  it('refuses static keys and values of another form', () => {
    const conf = new SparkConf();
    expect(() => conf.set('spark.sql.warehouse.dir', '/x')).toThrow('CANNOT_MODIFY_STATIC_CONFIG');
    expect(() => conf.set('spark.sql.ansi.enabled', 'maybe')).toThrow('INVALID_CONF_VALUE.TYPE_MISMATCH');
    expect(() => conf.set('spark.sql.shuffle.partitions', 'many')).toThrow(
      'INVALID_CONF_VALUE.TYPE_MISMATCH',
    );
    conf.set('spark.sql.autoBroadcastJoinThreshold', '-1');
    conf.set('spark.sql.files.maxPartitionBytes', '128mb');
    expect(() => conf.get('spark.nope')).toThrow('SQL_CONF_NOT_FOUND');
  });

  it('knows zones', () => {
    expect(['UTC', 'Asia/Seoul', 'America/New_York', 'Mars/Base'].map(isTimeZone)).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });
});
