import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { ChildService, freePort } from './child-service.ts';

export interface RedisServer {
  readonly url: string;
  readonly pid: number;
  /** Ends it in order and starts it on the same data. */
  restart(): Promise<void>;
  /** kill -9; `start` brings it back with what its log holds. */
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** A Redis with an append-only log, synced once a second as most installations have it. */
export async function startRedisServer(settings: readonly string[] = []): Promise<RedisServer> {
  const directory = await mkdtemp(join(tmpdir(), 'quarry-redis-'));
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  const options = `--port ${port} --bind 127.0.0.1 --dir ${directory} --appendonly yes --appendfsync everysec --save`;
  const service = new ChildService(
    'redis-server',
    [...options.split(' '), '', ...settings],
    'apt-get install -y redis-server',
  );
  const start = () => service.start(() => answers(url));
  const server: RedisServer = {
    url,
    get pid() {
      return service.pid;
    },
    start,
    async restart() {
      await service.end('SIGTERM');
      await start();
    },
    kill: () => service.end('SIGKILL'),
    async stop() {
      await service.end('SIGKILL');
      await rm(directory, { recursive: true, force: true });
    },
  };
  try {
    await start();
  } catch (thrown) {
    await server.stop();
    throw thrown;
  }
  return server;
}

async function answers(url: string): Promise<boolean> {
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null, connectTimeout: 1000 });
  redis.on('error', () => undefined);
  try {
    await redis.connect();
    return (await redis.ping()) === 'PONG';
  } catch {
    return false;
  } finally {
    redis.disconnect();
  }
}
