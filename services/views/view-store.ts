import { QuarryError } from '../../common/quarry-error.ts';
import type { Clock } from '../../common/seams/clock.ts';
import type { LevelStore } from '../../common/seams/disk.ts';
import type { ViewBatch, ViewMarker, ViewOutcome } from '../../sinks/key-value-view.ts';
import { checkBatch, checkView, fencedView, groupByKey } from '../../sinks/view-names.ts';

/** Forgotten keys that one commit removes. */
const FORGOTTEN_PER_COMMIT = 1000;
/** A view that was dropped by mistake is gone; one whose deletes do not fit one batch is too large for this store. */
const DROPPED_MAX = 20_000_000;

/** So many keys are worth a sweep, which may pass that many others for each. */
const STRETCH_KEYS_MIN = 4;
const STRETCH_SPREAD_MAX = 4;

type Edit = { type: 'put'; key: Buffer; value: Buffer } | { type: 'del'; key: Buffer };

/**
 * Views in LevelDB. No part of a name has a NUL, so the order of keys is the order of their bytes.
 *
 * | key | value |
 * |---|---|
 * | `m` view | marker: `EPOCH BATCH` |
 * | `k` view NUL key | when the key is forgotten, ms since 1970; 0 for never |
 * | `v` view NUL key NUL field | value |
 * | `x` view NUL time, 16 digits, NUL key | nothing: keys by the time they are forgotten |
 *
 * A commit is one synced batch with its marker. Mutations run one after another.
 */
export class ViewStore {
  readonly #db: LevelStore;
  readonly #clock: Clock;
  #last: Promise<unknown> = Promise.resolve();

  constructor(db: LevelStore, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  /** As KeyValueView.commit. */
  commit(batch: ViewBatch): Promise<ViewOutcome> {
    checkBatch(batch);
    return this.#inTurn(() => this.#commit(batch));
  }

  async marker(view: string): Promise<ViewMarker | undefined> {
    checkView(view);
    const text = await this.#db.get(keyOf('m', view));
    if (text === undefined) return undefined;
    const [epoch, batchId] = text.toString().split(' ').map(Number);
    return { epoch: epoch!, batchId: batchId! };
  }

  async read(view: string, keys: readonly string[]): Promise<Map<string, Map<string, string>>> {
    checkView(view);
    const nowMs = this.#clock.nowMs();
    const stretch = keys.length < STRETCH_KEYS_MIN ? undefined : await this.#stretch(view, keys, nowMs);
    if (stretch !== undefined) return stretch;
    const found = new Map<string, Map<string, string>>();
    for (const key of keys) {
      const expiry = await this.#db.get(keyOf('k', view, key));
      if (expiry === undefined || isPast(expiry, nowMs)) continue;
      const fields = new Map<string, string>();
      const prefixBytes = keyOf('v', view, key, '').length;
      for (const [at, value] of await this.#db.iterator(rangeOf('v', view, key)).all()) {
        fields.set(at.subarray(prefixBytes).toString(), value.toString());
      }
      found.set(key, fields);
    }
    return found;
  }

  /**
   * Keys that lie side by side, as a day's minutes do, are read in two sweeps: a get and an iterator for each cost ten times as
   * much. Undefined when many others lie between them.
   */
  async #stretch(
    view: string,
    keys: readonly string[],
    nowMs: number,
  ): Promise<Map<string, Map<string, string>> | undefined> {
    const ordered = keys.map((key) => Buffer.from(key)).toSorted((a, b) => a.compare(b));
    const [first, last] = [ordered[0]!.toString(), ordered.at(-1)!.toString()];
    const between = { gte: keyOf('k', view, first), lte: keyOf('k', view, last) };
    const limit = keys.length * STRETCH_SPREAD_MAX;
    const there = await this.#db.iterator({ ...between, limit }).all();
    if (there.length === limit) return undefined;
    const asked = new Set(keys);
    const found = new Map<string, Map<string, string>>();
    const keyBytes = keyOf('k', view, '').length;
    for (const [at, expiry] of there) {
      const key = at.subarray(keyBytes).toString();
      if (asked.has(key) && !isPast(expiry, nowMs)) found.set(key, new Map());
    }
    const valueBytes = keyOf('v', view, '').length;
    const values = { gte: rangeOf('v', view, first).gte, lt: rangeOf('v', view, last).lt };
    for (const [at, value] of await this.#db.iterator(values).all()) {
      const end = at.indexOf(0, valueBytes);
      const fields = found.get(at.toString('utf8', valueBytes, end));
      fields?.set(at.toString('utf8', end + 1), value.toString());
    }
    return found;
  }

  async keys(view: string, from: string, until: string): Promise<string[]> {
    checkView(view);
    const nowMs = this.#clock.nowMs();
    const prefixBytes = keyOf('k', view, '').length;
    const keys: string[] = [];
    const range = { gte: keyOf('k', view, from), lt: keyOf('k', view, until) };
    if (range.gte.compare(range.lt) >= 0) return [];
    for (const [at, expiry] of await this.#db.iterator(range).all()) {
      if (!isPast(expiry, nowMs)) keys.push(at.subarray(prefixBytes).toString());
    }
    return keys;
  }

  async views(): Promise<string[]> {
    const markers = await this.#db.keys({ gte: keyOf('m'), lt: Buffer.from('n') }).all();
    return markers.map((key) => key.subarray(1).toString());
  }

  drop(view: string): Promise<void> {
    checkView(view);
    return this.#inTurn(async () => {
      const edits: Edit[] = [{ type: 'del', key: keyOf('m', view) }];
      for (const kind of ['k', 'v', 'x'] as const) {
        for await (const key of this.#db.keys(rangeOf(kind, view))) {
          if (edits.push({ type: 'del', key }) > DROPPED_MAX) {
            throw new QuarryError('LIMIT_EXCEEDED', `view ${view} has more than ${DROPPED_MAX} entries`);
          }
        }
      }
      await this.#write(edits);
    });
  }

  async #commit(batch: ViewBatch): Promise<ViewOutcome> {
    const { view, epoch, batchId } = batch;
    const marker = await this.marker(view);
    const { epoch: seen, batchId: done } = marker ?? { epoch: -1, batchId: -1 };
    if (epoch < seen) throw fencedView(view, epoch, seen);
    if (batchId <= done) {
      if (epoch > seen) await this.#write([markerEdit(view, epoch, done)]);
      return { kind: 'skipped', marker: { epoch, batchId: done } };
    }
    if (batchId > done + 1) return { kind: 'gap', marker };
    const nowMs = this.#clock.nowMs();
    const edits = await this.#forgotten(view, nowMs);
    const gone = new Set(edits.map(({ key }) => key.toString('latin1')));
    const expiryMs = batch.ttlSeconds === 0 ? 0 : nowMs + batch.ttlSeconds * 1000;
    for (const [key, fields] of groupByKey(batch.entries)) {
      const keyAt = keyOf('k', view, key);
      const old = await this.#db.get(keyAt);
      if (old !== undefined && !gone.has(keyAt.toString('latin1'))) {
        if (isPast(old, nowMs)) edits.push(...(await this.#without(view, key, old)));
        else if (Number(old) > 0) edits.push({ type: 'del', key: expiryKey(view, Number(old), key) });
      }
      edits.push({ type: 'put', key: keyAt, value: Buffer.from(String(expiryMs)) });
      if (expiryMs > 0) {
        edits.push({ type: 'put', key: expiryKey(view, expiryMs, key), value: Buffer.alloc(0) });
      }
      for (const [field, value] of fields) {
        edits.push({ type: 'put', key: keyOf('v', view, key, field), value: Buffer.from(value) });
      }
    }
    edits.push(markerEdit(view, epoch, batchId));
    await this.#write(edits);
    return { kind: 'written' };
  }

  async #forgotten(view: string, nowMs: number): Promise<Edit[]> {
    const edits: Edit[] = [];
    const range = { gte: keyOf('x', view, ''), lt: keyOf('x', view, timeText(nowMs + 1)) };
    const prefixBytes = expiryKey(view, 0, '').length;
    for await (const at of this.#db.keys({ ...range, limit: FORGOTTEN_PER_COMMIT })) {
      const key = at.subarray(prefixBytes).toString();
      const expiry = at.subarray(range.gte.length, range.gte.length + TIME_DIGITS);
      edits.push(...(await this.#without(view, key, expiry)));
    }
    return edits;
  }

  /** Everything of one key that is forgotten at `expiry`. */
  async #without(view: string, key: string, expiry: Buffer): Promise<Edit[]> {
    const edits: Edit[] = [
      { type: 'del', key: keyOf('k', view, key) },
      { type: 'del', key: expiryKey(view, Number(expiry.toString()), key) },
    ];
    for await (const at of this.#db.keys(rangeOf('v', view, key))) edits.push({ type: 'del', key: at });
    return edits;
  }

  async #write(edits: readonly Edit[]): Promise<void> {
    // Chained: a batch given as an array costs three times as much before it reaches LevelDB.
    const batch = this.#db.batch();
    for (const edit of edits) {
      if (edit.type === 'put') batch.put(edit.key, edit.value);
      else batch.del(edit.key);
    }
    await batch.write({ sync: true } as object);
  }

  #inTurn<T>(mutation: () => Promise<T>): Promise<T> {
    const result = this.#last.then(mutation);
    // The next one starts when this one has ended, well or not; its own caller hears of a failure.
    this.#last = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  }
}

function keyOf(kind: 'm' | 'k' | 'v' | 'x', ...parts: readonly string[]): Buffer {
  return Buffer.from(kind + parts.join('\0'));
}

/** Everything below the parts: the separator's successor ends it. */
function rangeOf(kind: 'k' | 'v' | 'x', ...parts: readonly string[]): { gte: Buffer; lt: Buffer } {
  const text = kind + parts.join('\0');
  return { gte: Buffer.from(`${text}\0`), lt: Buffer.from(`${text}\u0001`) };
}

const TIME_DIGITS = 16;

function timeText(ms: number): string {
  return String(ms).padStart(TIME_DIGITS, '0');
}

function expiryKey(view: string, expiryMs: number, key: string): Buffer {
  return keyOf('x', view, timeText(expiryMs), key);
}

function isPast(expiry: Buffer, nowMs: number): boolean {
  const expiryMs = Number(expiry.toString());
  return expiryMs > 0 && expiryMs <= nowMs;
}

function markerEdit(view: string, epoch: number, batchId: number): Edit {
  return { type: 'put', key: keyOf('m', view), value: Buffer.from(`${epoch} ${batchId}`) };
}
