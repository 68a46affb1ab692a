import { createHash } from 'node:crypto';
import { QuarryError } from '../../common/quarry-error.ts';
import type { LevelStore } from '../../common/seams/disk.ts';
import { decodeValue, encodeValue } from '../namespace/codec.ts';
import { COUNTERS_KEY, idAt, keyBytes, rangeOf, transactionKey } from '../namespace/keys.ts';
import {
  COUNTERS,
  type Counters,
  INODES,
  type TransactionRecord,
  TRANSACTIONS,
} from '../namespace/records.ts';
import type { Edits } from '../namespace/transaction.ts';
import type { JournalBatch, JournalEntry } from './journal.ts';

/** How many transaction records are kept: more than LevelDB's log, where holes come from, can hold. */
export const CHAIN_LENGTH_MAX = 100_000;
const EMPTY = Buffer.alloc(0);
const HASH_BYTES = 16;
const PAGE = 1_000;

/**
 * Turns edits into batches whose transaction records form a chain: LevelDB skips damaged parts of its log without a word,
 * and a skipped batch is a hole in the chain.
 */
export class TransactionChain {
  #txid: number;
  #hash: Buffer;

  constructor(txid: number, hash: Buffer) {
    this.#txid = txid;
    this.#hash = hash;
  }

  get txid(): number {
    return this.#txid;
  }

  /** The batch after the last one. `edits` must hold the counters' current value, or `counters` gives it. */
  next(edits: Edits, counters: Counters): JournalBatch {
    const txid = this.#txid + 1;
    const entries: JournalEntry[] = [];
    const digest = createHash('sha256').update(this.#hash);
    const add = (key: Buffer, value: Buffer | undefined) => {
      digest.update(key).update(value ?? EMPTY);
      entries.push(value === undefined ? { type: 'del', key, value: EMPTY } : { type: 'put', key, value });
    };
    for (const [name, edit] of edits) {
      if (name === COUNTERS_KEY) continue;
      const key = keyBytes(name);
      add(key, edit.record === undefined ? undefined : encodeValue(edit.table, key, edit.record));
    }
    const countersKey = keyBytes(COUNTERS_KEY);
    add(countersKey, encodeValue(COUNTERS, countersKey, { ...counters, txid }));
    const hash = digest.digest().subarray(0, HASH_BYTES);
    const record: TransactionRecord = {
      epoch: counters.epoch,
      edits: entries.length,
      previousHash: this.#hash,
      hash,
    };
    const key = keyBytes(transactionKey(txid));
    entries.push({ type: 'put', key, value: encodeValue(TRANSACTIONS, key, record) });
    if (txid > CHAIN_LENGTH_MAX) {
      entries.push({ type: 'del', key: keyBytes(transactionKey(txid - CHAIN_LENGTH_MAX)), value: EMPTY });
    }
    this.#txid = txid;
    this.#hash = hash;
    return { txid, epoch: counters.epoch, entries };
  }
}

/** Reads the chain back and checks that it has no hole and ends where the counters say. Errors: METADATA_DAMAGED. */
export async function verifyChain(db: LevelStore): Promise<{ counters: Counters; chain: TransactionChain }> {
  const countersKey = keyBytes(COUNTERS_KEY);
  const value = await db.get(countersKey);
  if (value === undefined) throw damaged('its counters are missing');
  const counters = decodeValue(COUNTERS, countersKey, value);
  const rootKey = keyBytes('I'.padEnd(9, '\0'));
  const root = await db.get(rootKey);
  if (root === undefined) throw damaged('its root directory is missing');
  decodeValue(INODES, rootKey, root);

  const first = Math.max(1, counters.txid - CHAIN_LENGTH_MAX + 1);
  let txid = first - 1;
  let hash: Buffer = EMPTY;
  const { gte, lt } = rangeOf('T');
  const iterator = db.iterator({ gte, lt });
  try {
    for (;;) {
      const page = await iterator.nextv(PAGE);
      if (page.length === 0) break;
      for (const [key, bytes] of page) {
        const record = decodeValue(TRANSACTIONS, key, bytes);
        const found = idAt(key, 1);
        if (found !== txid + 1) throw damaged(`transaction ${txid + 1} is missing`);
        if (txid >= first && !record.previousHash.equals(hash)) {
          throw damaged(`transaction ${found} does not continue transaction ${txid}`);
        }
        txid = found;
        hash = Buffer.from(record.hash);
      }
    }
  } finally {
    await iterator.close();
  }
  if (txid !== counters.txid) {
    throw damaged(`the counters are at transaction ${counters.txid}, the last one there is ${txid}`);
  }
  return { counters, chain: new TransactionChain(txid, hash) };
}

function damaged(what: string): QuarryError {
  return new QuarryError(
    'METADATA_DAMAGED',
    `the namespace is damaged: ${what}. Restore the namenode's directory from a backup; do not format it, the datanodes still hold the blocks`,
  );
}
