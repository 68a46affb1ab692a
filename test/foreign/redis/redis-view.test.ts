import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisView } from '../../../sinks/redis/redis-view.ts';
import { describeKeyValueView } from '../../conformance/sinks/key-value-view.suite.ts';
import { type RedisServer, startRedisServer } from '../../services/redis-server.ts';

describeKeyValueView('Redis', async () => {
  const server = await startRedisServer();
  const view = new RedisView(server.url);
  return {
    view,
    restart: async () => {
      await server.kill();
      await server.start();
    },
    kill: () => server.kill(),
    start: () => server.start(),
    dispose: async () => {
      await view.close();
      await server.stop();
    },
  };
});

describe('a view in Redis', () => {
  let server: RedisServer;
  let redis: Redis;
  beforeAll(async () => {
    server = await startRedisServer();
    redis = new Redis(server.url);
  });
  afterAll(async () => {
    redis?.disconnect();
    await server?.stop();
  });
  const batch = (batchId: number, ttlSeconds = 0) => ({
    view: 'clicks',
    epoch: 4,
    batchId,
    entries: [{ key: '10:01', field: 'p1', value: batchId }],
    ttlSeconds,
  });

  it('has the documented keys, all in one slot', async () => {
    const view = new RedisView(server.url);
    await view.commit(batch(0, 60));
    expect((await redis.keys('*')).toSorted()).toEqual([
      '{clicks}:expiry',
      '{clicks}:keys',
      '{clicks}:marker',
      '{clicks}:value:10:01',
    ]);
    expect(await redis.hgetall('{clicks}:value:10:01')).toEqual({ p1: '0' });
    expect(await redis.hgetall('{clicks}:marker')).toEqual({ epoch: '4', batch: '0' });
    expect(await redis.ttl('{clicks}:value:10:01')).toBeGreaterThan(50);
    await view.close();
  });

  it('says gap after everything is lost, and takes the batches again from 0', async () => {
    const view = new RedisView(server.url);
    await view.commit(batch(1));
    await redis.flushall();
    expect(await view.commit(batch(2))).toEqual({ kind: 'gap', marker: undefined });
    for (const batchId of [0, 1, 2]) expect(await view.commit(batch(batchId))).toEqual({ kind: 'written' });
    expect((await view.read('clicks', ['10:01'])).get('10:01')?.get('p1')).toBe('2');
    await view.close();
  });

  it('keeps nothing of a batch when memory is full', async () => {
    const view = new RedisView(server.url);
    const marker = await view.marker('clicks');
    await redis.config('SET', 'maxmemory', '1');
    await expect(view.commit(batch(3))).rejects.toMatchObject({ code: 'VIEW_UNAVAILABLE' });
    await redis.config('SET', 'maxmemory', '0');
    expect(await view.marker('clicks')).toEqual(marker);
    expect(await view.commit(batch(3))).toEqual({ kind: 'written' });
    await view.close();
  });

  it('answers in time when Redis is stuck', async () => {
    const view = new RedisView(server.url);
    await view.marker('clicks');
    process.kill(server.pid, 'SIGSTOP');
    try {
      await expect(view.commit(batch(4))).rejects.toMatchObject({ code: 'VIEW_UNAVAILABLE' });
    } finally {
      process.kill(server.pid, 'SIGCONT');
    }
    // The lost answer may have been a success: doing it again is safe.
    const outcome = await view.commit(batch(4));
    expect(['written', 'skipped']).toContain(outcome.kind);
    expect((await view.read('clicks', ['10:01'])).get('10:01')?.get('p1')).toBe('4');
    await view.close();
  });

  it('names what to do about a refused user, without the password', async () => {
    await redis.config('SET', 'requirepass', 'right');
    const view = new RedisView(server.url.replace('redis://', 'redis://:wrong@'));
    await expect(view.marker('clicks')).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
      message: expect.not.stringContaining('wrong@') as string,
    });
    await view.close();
    const admitted = new RedisView(server.url.replace('redis://', 'redis://:right@'));
    expect(await admitted.marker('clicks')).toBeDefined();
    await admitted.close();
  });
});
