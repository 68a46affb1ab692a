import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { ChildService, freePort } from './child-service.ts';

export class RedisServer extends ChildService {
  /** redis://127.0.0.1:PORT */
  readonly url: string;

  constructor(directory: string, port: number, settings: readonly string[]) {
    const url = `redis://127.0.0.1:${port}`;
    const options = `--port ${port} --bind 127.0.0.1 --dir ${directory} --appendonly yes --appendfsync everysec --save`;
    super({
      command: 'redis-server',
      args: [...options.split(' '), '', ...settings],
      install: 'apt-get install -y redis-server',
      isReady: () => answers(url),
      directory,
    });
    this.url = url;
  }
}

/** A Redis with an append-only log, synced once a second as most installations have it. */
export async function startRedisServer(settings: readonly string[] = []): Promise<RedisServer> {
  const directory = await mkdtemp(join(tmpdir(), 'quarry-redis-'));
  const server = new RedisServer(directory, await freePort(), settings);
  try {
    await server.start();
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
