import { expect, it } from 'vitest';
import { RetryCache } from '../../../../namenode/namespace/retry-cache.ts';
import { type Edits, type Reader, Transaction } from '../../../../namenode/namespace/transaction.ts';

/** Edits that were merged, read back. */
class Kept implements Reader {
  readonly records = new Map<string, unknown>();
  get = <R>(_: unknown, key: string) => this.records.get(key) as R | undefined;
  merge(edits: Edits): void {
    for (const [key, { record }] of edits) {
      if (record === undefined) this.records.delete(key);
      else this.records.set(key, record);
    }
  }
}

const client = 'ab'.repeat(16);
const MINUTE_MS = 60_000;

function store(cache: RetryCache, kept: Kept, callId: number, nowMs: number): void {
  const tx = new Transaction(kept, { nowMs, monoMs: nowMs });
  cache.store(tx, { clientId: client, callId }, { op: 'rename', argumentHash: callId * 10, result: 1 });
  kept.merge(tx.finish());
}

it('answers the same call, refuses another one with its id', () => {
  const cache = new RetryCache(10 * MINUTE_MS, 100);
  const kept = new Kept();
  store(cache, kept, 1, 0);
  expect(cache.lookup(kept, { clientId: client, callId: 1 }, 'rename', 10)?.result).toBe(1);
  expect(cache.lookup(kept, { clientId: client, callId: 2 }, 'rename', 10)).toBeUndefined();
  expect(() => cache.lookup(kept, { clientId: client, callId: 1 }, 'rename', 11)).toThrow(/other arguments/);
  expect(() => cache.lookup(kept, { clientId: client, callId: 1 }, 'delete', 10)).toThrow(/other arguments/);
});

it('drops whole minutes, by age and for want of room, and deletes their records', () => {
  const cache = new RetryCache(10 * MINUTE_MS, 3);
  const kept = new Kept();
  for (let callId = 1; callId <= 3; callId++) store(cache, kept, callId, 0);
  expect(cache.overflows).toBe(0);
  store(cache, kept, 4, MINUTE_MS);
  expect([cache.entries, cache.overflows]).toEqual([1, 1]);
  expect(cache.lookup(kept, { clientId: client, callId: 1 }, 'rename', 10)).toBeUndefined();
  const expire = (nowMs: number, max: number) => {
    const tx = new Transaction(kept, { nowMs, monoMs: nowMs });
    cache.expire(tx, max);
    kept.merge(tx.finish());
  };
  expire(MINUTE_MS, 2);
  expect(kept.records.size).toBe(2);
  expire(MINUTE_MS, 2);
  expect(kept.records.size).toBe(1);
  expire(13 * MINUTE_MS, 10);
  expect(kept.records.size).toBe(0);
  expect(cache.entries).toBe(0);
});
