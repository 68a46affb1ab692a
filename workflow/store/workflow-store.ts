import { crc32c } from '../../common/checksum.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { LevelStore } from '../../common/seams/disk.ts';
import { type Change, keyOf, type StateRecord } from '../core/records.ts';

/** So many transaction records are kept: LevelDB may skip a damaged stretch of its log silently, and a gap in them shows it. */
const TRANSACTIONS_KEPT = 256;
const TRANSACTION = 'transaction';
const SEPARATOR = '\u0000';

/**
 * The scheduler's state on disk: one record per DAG, run, task and callback, each with a checksum. One step is one synced batch with
 * a transaction number of its own; numbers follow each other without gaps.
 */
export class WorkflowStore {
  readonly #db: LevelStore;
  #transaction = 0;

  constructor(db: LevelStore) {
    this.#db = db;
  }

  /** Everything that is stored. Errors: DISK_FAILED when a record is damaged or transactions are missing. */
  async load(): Promise<StateRecord[]> {
    const records: StateRecord[] = [];
    const transactions: number[] = [];
    for await (const [key, value] of this.#db.iterator()) {
      const [kind = '', ...rest] = key.toString().split(SEPARATOR);
      const content = decode(key, value);
      if (kind === TRANSACTION) transactions.push(Number(rest[0]));
      else records.push({ kind, record: content } as StateRecord);
    }
    for (const [i, number] of transactions.entries()) {
      if (i > 0 && number !== transactions[i - 1]! + 1)
        throw damaged(`transactions between ${transactions[i - 1]} and ${number} are missing`);
    }
    this.#transaction = transactions.at(-1) ?? 0;
    return records;
  }

  /** Durable when it returns, all of it or nothing. */
  async write(changes: readonly Change[]): Promise<void> {
    const number = this.#transaction + 1;
    const batch = changes.map((change) =>
      'put' in change
        ? put(`${change.put.kind}${SEPARATOR}${keyOf(change.put)}`, change.put.record)
        : {
            type: 'del' as const,
            key: Buffer.from(`${change.delete.kind}${SEPARATOR}${change.delete.key}`),
          },
    );
    batch.push(put(transactionKey(number), number), {
      type: 'del',
      key: Buffer.from(transactionKey(number - TRANSACTIONS_KEPT)),
    });
    // LevelDB's own option, which the common type does not know.
    await this.#db.batch(batch, { sync: true } as object);
    this.#transaction = number;
  }
}

function put(key: string, record: unknown) {
  return { type: 'put' as const, key: Buffer.from(key), value: encode(record) };
}

function transactionKey(number: number): string {
  return `${TRANSACTION}${SEPARATOR}${String(number).padStart(15, '0')}`;
}

function encode(record: unknown): Buffer {
  const body = Buffer.from(JSON.stringify(record));
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32c(body) >>> 0);
  return Buffer.concat([checksum, body]);
}

function decode(key: Buffer, value: Buffer): unknown {
  const body = value.subarray(4);
  if (value.length < 5 || value.readUInt32BE() !== crc32c(body) >>> 0)
    throw damaged(`the record ${JSON.stringify(key.toString())} does not match its checksum`);
  return JSON.parse(body.toString()) as unknown;
}

function damaged(what: string): QuarryError {
  return new QuarryError(
    'DISK_FAILED',
    `the workflow store is damaged: ${what}. Restore its directory from a backup, or move it away to start with an empty history`,
  );
}
