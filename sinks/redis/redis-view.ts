import { Redis } from 'ioredis';
import type { KeyValueView, ViewBatch, ViewMarker, ViewOutcome } from '../key-value-view.ts';
import { checkBatch, checkView, fencedView, groupByKey } from '../view-names.ts';
import { redisError } from './redis-error.ts';
import { COMMIT_SCRIPT, DROP_SCRIPT, KEYS_SCRIPT, viewPrefix } from './redis-scripts.ts';

/** A batch of 100,000 values takes Redis some tenths of a second. */
const COMMAND_TIMEOUT_MS = 10_000;
const CONNECT_TIMEOUT_MS = 2_000;
const RECONNECT_MS_MAX = 500;
/** Hashes that one pipeline asks for. */
const READ_KEYS_MAX = 256;
/** Keys that one step of a scan for views looks at. */
const SCANNED_KEYS = 1000;

/** Replies of the commit script: what happened, and the marker's epoch and batch (-1 for none). */
type CommitReply = [kind: 'written' | 'skipped' | 'gap' | 'fenced', epoch: number, batchId: number];

/**
 * A view in Redis 6 or newer: redis-scripts.ts names the keys. Each commit is one script and therefore atomic. Every call ends within
 * ten seconds; one whose answer was lost may have been carried out, and doing it again is safe.
 */
export class RedisView implements KeyValueView {
  readonly #redis: Redis;
  readonly #address: string;

  constructor(url: string) {
    this.#address = new URL(url).host;
    this.#redis = new Redis(url, {
      lazyConnect: true,
      connectTimeout: CONNECT_TIMEOUT_MS,
      commandTimeout: COMMAND_TIMEOUT_MS,
      // A command whose connection broke fails: its caller knows what may be done twice.
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 3,
      retryStrategy: (attempt) => Math.min(attempt * 50, RECONNECT_MS_MAX),
    });
    // Each failed command says why; the connection's own events would only repeat it, and unheard they would be printed.
    this.#redis.on('error', () => undefined);
  }

  async commit(batch: ViewBatch): Promise<ViewOutcome> {
    checkBatch(batch);
    const groups = [...groupByKey(batch.entries)].map(([key, fields]) => [key, [...fields].flat()]);
    const prefix = viewPrefix(batch.view);
    const [kind, epoch, batchId] = (await this.#run((redis) =>
      redis.eval(
        COMMIT_SCRIPT,
        3,
        `${prefix}marker`,
        `${prefix}keys`,
        `${prefix}expiry`,
        prefix,
        batch.epoch,
        batch.batchId,
        batch.ttlSeconds,
        JSON.stringify(groups),
      ),
    )) as CommitReply;
    const marker = { epoch, batchId };
    switch (kind) {
      case 'fenced':
        throw fencedView(batch.view, batch.epoch, epoch);
      case 'skipped':
        return { kind, marker };
      case 'gap':
        return { kind, marker: batchId < 0 ? undefined : marker };
      default:
        return { kind: 'written' };
    }
  }

  async marker(view: string): Promise<ViewMarker | undefined> {
    checkView(view);
    const [epoch, batchId] = await this.#run((redis) =>
      redis.hmget(`${viewPrefix(view)}marker`, 'epoch', 'batch'),
    );
    if (typeof epoch !== 'string' || typeof batchId !== 'string') return undefined;
    return { epoch: Number(epoch), batchId: Number(batchId) };
  }

  async read(view: string, keys: readonly string[]): Promise<Map<string, Map<string, string>>> {
    checkView(view);
    const found = new Map<string, Map<string, string>>();
    for (let from = 0; from < keys.length; from += READ_KEYS_MAX) {
      const asked = keys.slice(from, from + READ_KEYS_MAX);
      const hashes = await this.#run((redis) =>
        Promise.all(asked.map((key) => redis.hgetall(`${viewPrefix(view)}value:${key}`))),
      );
      asked.forEach((key, at) => {
        const fields = new Map(Object.entries(hashes[at]!));
        if (fields.size > 0) found.set(key, fields);
      });
    }
    return found;
  }

  async keys(view: string, from: string, until: string): Promise<string[]> {
    checkView(view);
    const prefix = viewPrefix(view);
    const reply = await this.#run((redis) =>
      redis.eval(KEYS_SCRIPT, 1, `${prefix}keys`, prefix, from, until),
    );
    return reply as string[];
  }

  async views(): Promise<string[]> {
    const names = new Set<string>();
    let cursor = '0';
    do {
      const [next, keys] = await this.#run((redis) =>
        redis.scan(cursor, 'MATCH', '{*}:marker', 'COUNT', SCANNED_KEYS),
      );
      // A scan may name a key twice.
      for (const key of keys) names.add(key.slice(1, -'}:marker'.length));
      cursor = next;
    } while (cursor !== '0');
    return [...names].toSorted();
  }

  async drop(view: string): Promise<void> {
    checkView(view);
    const prefix = viewPrefix(view);
    await this.#run((redis) =>
      redis.eval(DROP_SCRIPT, 3, `${prefix}marker`, `${prefix}keys`, `${prefix}expiry`, prefix),
    );
  }

  async close(): Promise<void> {
    this.#redis.disconnect();
  }

  async #run<T>(call: (redis: Redis) => Promise<T>): Promise<T> {
    try {
      return await call(this.#redis);
    } catch (thrown) {
      throw redisError(thrown, this.#address);
    }
  }
}
