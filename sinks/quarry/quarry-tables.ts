import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasCode, QuarryError } from '../../common/quarry-error.ts';
import { rowObjects } from '../row-objects.ts';
import type {
  TableColumn,
  TableRows,
  TableStore,
  TableValue,
  TableWrite,
  TableWriteResult,
} from '../table-store.ts';
import { checkWrite } from '../write-marker.ts';
import { cellText, decodeRows, encodeRows } from './row-text.ts';
import { ViewsClient } from './views-client.ts';
import { keyMessage } from './write-key-message.ts';

/** Rows of one message: about a megabyte of usual ones. */
const MESSAGE_ROWS_MAX = 10_000;
/** A message with longer rows is cut at that many characters. */
const MESSAGE_CHARACTERS_MAX = 2 * 1024 * 1024;
const COMMIT_TIMEOUT_MS = 600_000;
const OUTCOME_ATTEMPTS = 30;
const OUTCOME_INTERVAL_MS = 500;

/** Tables of services/views: one DuckDB file a database. */
export class QuarryTables implements TableStore {
  readonly #client: ViewsClient;
  readonly #database: string;

  /** `address` is host:port. */
  constructor(address: string, database: string) {
    this.#client = new ViewsClient(address, 'TABLES_UNAVAILABLE');
    this.#database = database;
  }

  async write(
    target: TableWrite,
    rows: AsyncIterable<readonly (readonly TableValue[])[]>,
  ): Promise<TableWriteResult> {
    checkWrite(target);
    const { service } = this.#client;
    const writeId = randomUUID();
    const { table, mode, truncate } = target;
    const start = await this.#client.call(service.BeginTableWrite, {
      database: this.#database,
      table,
      mode,
      truncate,
      columns: [...target.columns],
      replaceKeys: [...target.replaceKeys],
      key: keyMessage(target.key),
      writeId,
    });
    if (start.outcome === 'skipped') return { outcome: 'skipped', rowCount: start.rowCount };
    if (start.outcome === 'ignored') return { outcome: 'written', rowCount: 0 };
    try {
      const sequenceEnd = await this.#send(writeId, rows);
      return await this.#commit(target, writeId, sequenceEnd);
    } finally {
      // Ended already, or unreachable: then it goes by itself.
      await this.#client.call(service.AbortTableWrite, { writeId }, 2_000).catch(() => undefined);
    }
  }

  async query(sql: string, parameters: readonly TableValue[] = []): Promise<Record<string, TableValue>[]> {
    return rowObjects(await this.read(sql, parameters));
  }

  async read(sql: string, parameters: readonly TableValue[] = []): Promise<TableRows> {
    const replies = this.#client.stream(this.#client.service.ReadTable, {
      database: this.#database,
      sql,
      parameters: Buffer.from(JSON.stringify(parameters.map(cellText))),
    });
    const first = await replies.next();
    if (first.done === true) throw new QuarryError('TABLES_UNAVAILABLE', 'services/views answered nothing');
    const { columns } = first.value;
    async function* batches(): AsyncGenerator<TableValue[][], void, undefined> {
      for await (const { rows } of replies) yield decodeRows(rows, columns);
    }
    return { columns, batches: batches() };
  }

  async describe(table: string): Promise<TableColumn[]> {
    const { columns, batches } = await this.read(`SELECT * FROM ${table} WHERE 1 = 0`);
    for await (const _ of batches);
    return [...columns];
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  /** One message under way while the next is made. Answers how many there were. */
  async #send(writeId: string, rows: AsyncIterable<readonly (readonly TableValue[])[]>): Promise<number> {
    let sequence = 0;
    let sent: Promise<unknown> = Promise.resolve();
    let waiting: (readonly TableValue[])[] = [];
    let characters = 0;
    const flush = async () => {
      if (waiting.length === 0) return;
      const bytes = encodeRows(waiting);
      waiting = [];
      characters = 0;
      await sent;
      sent = this.#client.call(this.#client.service.WriteTableRows, {
        writeId,
        sequence: sequence++,
        rows: bytes,
      });
      // Seen by whoever awaits it next; until then it is not unhandled.
      sent.catch(() => undefined);
    };
    for await (const batch of rows) {
      for (const row of batch) {
        waiting.push(row);
        for (const value of row)
          characters += typeof value === 'string' || Buffer.isBuffer(value) ? value.length : 8;
        if (waiting.length >= MESSAGE_ROWS_MAX || characters >= MESSAGE_CHARACTERS_MAX) await flush();
      }
    }
    await flush();
    await sent;
    return sequence;
  }

  async #commit(target: TableWrite, writeId: string, sequenceEnd: number): Promise<TableWriteResult> {
    try {
      const { service } = this.#client;
      const reply = await this.#client.call(
        service.CommitTableWrite,
        { writeId, sequenceEnd },
        COMMIT_TIMEOUT_MS,
      );
      return { outcome: reply.outcome === 'skipped' ? 'skipped' : 'written', rowCount: reply.rowCount };
    } catch (thrown) {
      if (!hasCode(thrown, 'TABLES_UNAVAILABLE')) throw thrown;
      return await this.#outcome(target, writeId, thrown);
    }
  }

  /** A commit whose answer was lost: the marker says what became of it. */
  async #outcome(target: TableWrite, writeId: string, lost: QuarryError): Promise<TableWriteResult> {
    const { table, key } = target;
    if (key === undefined) {
      throw new QuarryError(
        'TABLES_UNAVAILABLE',
        `the connection broke while ${table} was being committed: nobody knows whether the rows are in it. Look before you write again, or give the write a run id`,
        { cause: lost, details: { outcome: 'unknown' } },
      );
    }
    const request = { database: this.#database, table, key: keyMessage(key) };
    for (let attempt = 1; ; attempt++) {
      try {
        const found = await this.#client.call(this.#client.service.FindTableWrite, request);
        if (found.writeId === writeId) return { outcome: 'written', rowCount: found.rowCount };
        break;
      } catch (thrown) {
        if (!hasCode(thrown, 'TABLES_UNAVAILABLE') || attempt >= OUTCOME_ATTEMPTS) throw thrown;
        await sleep(OUTCOME_INTERVAL_MS);
      }
    }
    throw lost;
  }
}
