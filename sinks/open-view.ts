import { QuarryError } from '../common/quarry-error.ts';
import type { KeyValueView } from './key-value-view.ts';

const REDIS = /^rediss?:\/\//;
const QUARRY = /^quarry-views:\/\/([^/?#@]+:\d+)\/?$/;

/**
 * The view store of a URL: `redis://[USER:PASSWORD@]HOST:PORT[/DB]`, `rediss://` or `quarry-views://HOST:PORT`. Nothing is connected before
 * the first call. Errors: INVALID_ARGUMENT.
 */
export async function openView(url: string): Promise<KeyValueView> {
  // A process loads the client of the store that it uses.
  if (REDIS.test(url) && URL.canParse(url)) {
    const { RedisView } = await import('./redis/redis-view.ts');
    return new RedisView(url);
  }
  const address = QUARRY.exec(url)?.[1];
  if (address !== undefined) {
    const { QuarryView } = await import('./quarry/quarry-view.ts');
    return new QuarryView(address);
  }
  throw new QuarryError(
    'INVALID_ARGUMENT',
    `${url.replace(/\/\/[^/]*@/, '//')} is not a URL of views: use redis://HOST:PORT or quarry-views://HOST:PORT`,
  );
}
