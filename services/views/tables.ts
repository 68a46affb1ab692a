import { join } from 'node:path';
import { QuarryError } from '../../common/quarry-error.ts';
import type { Clock, Timer } from '../../common/seams/clock.ts';
import type { CellText } from '../../sinks/quarry/row-text.ts';
import type { TableColumn, TableWrite, TableWriteResult, WriteKey } from '../../sinks/table-store.ts';
import type { WriteMarker } from '../../sinks/write-marker.ts';
import { fromKernel } from './kernel-error.ts';
import { kernelText, sparkType } from './kernel-type.ts';
import { TableDatabase } from './table-database.ts';
import { checkDatabase, tableName } from './table-names.ts';
import { TableUpload, type UploadStart } from './table-upload.ts';

/** A writer that says nothing for that long has died. */
const SILENT_MS_MAX = 60_000;
const SWEEP_INTERVAL_MS = 10_000;
const UPLOADS_MAX = 256;

export interface TablesOptions {
  readonly directory: string;
  readonly clock: Clock;
  readonly memoryLimitBytes: number;
}

interface OpenUpload {
  readonly upload: TableUpload;
  /** Calls of one upload in their order. */
  last: Promise<unknown>;
  running: number;
  usedMs: number;
}

/** Every database of this process, one file each, opened when it is first asked for; and the writes that are under way. */
export class Tables {
  readonly #options: TablesOptions;
  readonly #databases = new Map<string, Promise<TableDatabase>>();
  readonly #uploads = new Map<string, OpenUpload>();
  #sweeping: Timer;

  constructor(options: TablesOptions) {
    this.#options = options;
    this.#sweeping = this.#sweepLater();
  }

  async begin(name: string, write: TableWrite, writeId: string): Promise<UploadStart> {
    if (this.#uploads.size >= UPLOADS_MAX) {
      throw new QuarryError('TABLES_UNAVAILABLE', `${UPLOADS_MAX} writes are under way: try again`);
    }
    const upload = await TableUpload.open(await this.#database(name), write, writeId);
    const open = { upload, last: Promise.resolve(), running: 0, usedMs: this.#options.clock.monoMs() };
    this.#uploads.set(writeId, open);
    try {
      const start = await upload.start();
      if (start.outcome !== 'open') this.#end(writeId);
      return start;
    } catch (thrown) {
      this.#end(writeId);
      throw thrown;
    }
  }

  add(writeId: string, sequence: number, rows: Buffer): Promise<void> {
    return this.#inTurn(writeId, (upload) => upload.add(sequence, rows));
  }

  /** The upload stays for a while: a commit whose answer was lost is asked again. */
  commit(writeId: string, sequenceEnd: number): Promise<TableWriteResult> {
    return this.#inTurn(writeId, (upload) => upload.commit(sequenceEnd));
  }

  async abort(writeId: string): Promise<void> {
    if (this.#uploads.has(writeId)) await this.#inTurn(writeId, async () => this.#end(writeId));
  }

  async find(name: string, table: string, key: WriteKey): Promise<WriteMarker | undefined> {
    const session = await (await this.#database(name)).connect();
    try {
      return await session.marker(key, tableName(table, name).table);
    } finally {
      session.close();
    }
  }

  /** First the columns, then rows in batches of the kernel's size. */
  async *read(
    name: string,
    sql: string,
    parameters: readonly CellText[],
  ): AsyncGenerator<{ columns: TableColumn[]; rows: CellText[][] }, void, undefined> {
    const session = await (await this.#database(name)).connect();
    try {
      const result = await session
        .running(session.connection.stream(sql, [...parameters]))
        .catch((thrown: unknown) => {
          throw fromKernel(thrown);
        });
      const types = result.columnTypes();
      const columns = result
        .columnNames()
        .map((column, at) => ({ name: column, type: sparkType(types[at]!), nullable: true }));
      yield { columns, rows: [] };
      for (;;) {
        const chunk = await session.running(result.fetchChunk()).catch((thrown: unknown) => {
          throw fromKernel(thrown);
        });
        if (chunk === null || chunk.rowCount === 0) return;
        yield { columns: [], rows: chunk.getRows().map((row) => row.map(kernelText)) };
      }
    } finally {
      session.close();
    }
  }

  async close(): Promise<void> {
    this.#sweeping.cancel();
    for (const [writeId, { last }] of this.#uploads) {
      await last;
      this.#end(writeId);
    }
    for (const database of this.#databases.values()) {
      // One that could not be opened has told whoever asked for it.
      await database.then(
        (open) => open.close(),
        () => undefined,
      );
    }
  }

  #database(name: string): Promise<TableDatabase> {
    checkDatabase(name);
    let database = this.#databases.get(name);
    if (database === undefined) {
      const path = join(this.#options.directory, `${name}.duckdb`);
      database = TableDatabase.open(path, name, this.#options.memoryLimitBytes);
      this.#databases.set(name, database);
      // The next caller tries again.
      database.catch(() => this.#databases.delete(name));
    }
    return database;
  }

  #inTurn<T>(writeId: string, call: (upload: TableUpload) => Promise<T>): Promise<T> {
    const open = this.#uploads.get(writeId);
    if (open === undefined) {
      const text =
        'this write is not known here: the server was started again, or nothing came for a minute. Write again';
      return Promise.reject(new QuarryError('TABLES_UNAVAILABLE', text));
    }
    open.running++;
    const result = open.last
      .then(() => call(open.upload))
      .finally(() => {
        open.running--;
        open.usedMs = this.#options.clock.monoMs();
      });
    open.last = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  }

  #end(writeId: string): void {
    this.#uploads.get(writeId)?.upload.close();
    this.#uploads.delete(writeId);
  }

  #sweepLater(): Timer {
    return this.#options.clock.setTimer(SWEEP_INTERVAL_MS, () => {
      const oldestMs = this.#options.clock.monoMs() - SILENT_MS_MAX;
      for (const [writeId, { running, usedMs }] of this.#uploads) {
        if (running === 0 && usedMs < oldestMs) this.#end(writeId);
      }
      this.#sweeping = this.#sweepLater();
    });
  }
}
