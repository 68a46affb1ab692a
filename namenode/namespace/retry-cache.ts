import { QuarryError } from '../../common/quarry-error.ts';
import { retryKey } from './keys.ts';
import { RETRIES, type RetryRecord } from './records.ts';
import type { Reader, Transaction } from './transaction.ts';

const MINUTE_MS = 60_000;

/** Names a call: the same on every retry. */
export interface CallId {
  /** Hex. */
  readonly clientId: string;
  readonly callId: number;
}

/**
 * Answers of mutations, so that a retried one has one effect and one answer. The records live in the batch of the mutation
 * itself; memory holds only which calls of which minute there are. Bounded by age and by number: the oldest minute is
 * dropped whole, since a partly dropped one would answer some retries of a client and repeat others.
 */
export class RetryCache {
  readonly #maxAgeMs: number;
  readonly #entriesMax: number;
  readonly #minutes = new Map<number, Map<string, Set<number>>>();
  readonly #expired: string[] = [];
  #entries = 0;
  #overflows = 0;

  constructor(maxAgeMs: number, entriesMax: number) {
    this.#maxAgeMs = maxAgeMs;
    this.#entriesMax = entriesMax;
  }

  get entries(): number {
    return this.#entries;
  }

  /** How many minutes were dropped before their age, for want of room. */
  get overflows(): number {
    return this.#overflows;
  }

  /** Errors: CALL_ID_REUSED when the call was another one the first time. */
  lookup(reader: Reader, call: CallId, op: string, argumentHash: number): RetryRecord | undefined {
    for (const [minute, clients] of this.#minutes) {
      if (!clients.get(call.clientId)?.has(call.callId)) continue;
      const found = reader.get(RETRIES, retryKey(minute, call.clientId, call.callId));
      if (found === undefined) continue;
      if (found.op === op && found.argumentHash === argumentHash) return found;
      throw new QuarryError(
        'CALL_ID_REUSED',
        `call id ${call.callId} was used for a ${found.op} with other arguments: a new call takes a new id`,
      );
    }
    return undefined;
  }

  store(tx: Transaction, call: CallId, record: RetryRecord): void {
    const minute = Math.floor(tx.time.nowMs / MINUTE_MS);
    tx.put(RETRIES, retryKey(minute, call.clientId, call.callId), record);
    tx.afterward(() => this.load(minute, call));
  }

  /** Takes up a stored record. */
  load(minute: number, call: CallId): void {
    let clients = this.#minutes.get(minute);
    if (clients === undefined) {
      clients = new Map();
      this.#minutes.set(minute, clients);
    }
    let calls = clients.get(call.clientId);
    if (calls === undefined) {
      calls = new Set();
      clients.set(call.clientId, calls);
    }
    calls.add(call.callId);
    this.#entries++;
    if (this.#entries > this.#entriesMax && this.#minutes.size > 1) {
      this.#overflows++;
      this.#drop(Math.min(...this.#minutes.keys()));
    }
  }

  /** Deletes records that are too old, at most `editsMax` of them. */
  expire(tx: Transaction, editsMax: number): void {
    const oldest = Math.floor((tx.time.nowMs - this.#maxAgeMs) / MINUTE_MS);
    for (const minute of this.#minutes.keys()) if (minute < oldest) this.#drop(minute);
    for (const key of this.#expired.splice(0, editsMax)) tx.delete(RETRIES, key);
  }

  get expiredEntries(): number {
    return this.#expired.length;
  }

  #drop(minute: number): void {
    for (const [clientId, calls] of this.#minutes.get(minute) ?? []) {
      this.#entries -= calls.size;
      for (const callId of calls) this.#expired.push(retryKey(minute, clientId, callId));
    }
    this.#minutes.delete(minute);
  }
}
