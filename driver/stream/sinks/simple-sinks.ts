import type { Attribute } from '../../plan/expression.ts';
import { optionOf } from '../../plan/log-options.ts';
import type { LogicalPlan } from '../../plan/logical-plan.ts';
import { decodeLocalRows } from '../../plan/analyze/local-rows.ts';
import { renderRows } from '../../connect/arrow-rows.ts';
import { showString } from '../../connect/show-string.ts';
import type { QueryBatch } from '../../schedule/query-runner.ts';
import { plainOutput } from './result-output.ts';
import type { BatchRows, SinkBatch, SinkOutput, StreamSink } from './stream-sink.ts';

/** Drops the rows: for measuring. */
export class NoopSink implements StreamSink {
  readonly description = 'NoopTable';
  readonly #columns: readonly Attribute[];

  constructor(columns: readonly Attribute[]) {
    this.#columns = columns;
  }

  async output(): Promise<SinkOutput> {
    return plainOutput(this.#columns, 'drop');
  }

  async add(_batch: SinkBatch, rows: BatchRows): Promise<number> {
    return rows.rowCount;
  }

  async close(): Promise<void> {
    // Nothing is open.
  }
}

export interface ConsoleOptions {
  readonly columns: readonly Attribute[];
  readonly options: Readonly<Record<string, string>>;
  readonly timeZone: string;
  readonly print: (text: string) => void;
}

/** Prints each batch as `show()` does. */
export class ConsoleSink implements StreamSink {
  readonly description = 'ConsoleTable';
  readonly #options: ConsoleOptions;

  constructor(options: ConsoleOptions) {
    this.#options = options;
  }

  async output(): Promise<SinkOutput> {
    return plainOutput(this.#options.columns, 'console');
  }

  async add({ batchId }: SinkBatch, { batches, rowCount }: BatchRows): Promise<number> {
    const { columns, options, timeZone, print } = this.#options;
    const fields = columns.map(({ name, type, nullable }) => ({ name, type, nullable }));
    const rows = await renderRows(iterate(batches), { kind: 'struct', fields }, timeZone);
    const line = '-------------------------------------------';
    const rowCountMax = Number(optionOf(options, 'numRows') ?? 20);
    const truncate = optionOf(options, 'truncate')?.toLowerCase() === 'false' ? 0 : 20;
    const table = showString(
      { header: columns.map(({ name }) => name), rows },
      { rowCountMax, truncate, vertical: false },
    );
    print(`${line}\nBatch: ${batchId}\n${line}\n${table}\n`);
    return rowCount;
  }

  async close(): Promise<void> {
    // Nothing is open.
  }
}

export type BatchFunction = (batch: LogicalPlan, batchId: number) => Promise<void>;

/** Rows that stay in the driver: a plan that holds them, for the caller to keep. */
export class MemorySink implements StreamSink {
  readonly description = 'MemorySink';
  readonly #columns: readonly Attribute[];
  readonly #take: BatchFunction;

  constructor(columns: readonly Attribute[], take: BatchFunction) {
    this.#columns = columns;
    this.#take = take;
  }

  async output(): Promise<SinkOutput> {
    return plainOutput(this.#columns, 'memory');
  }

  async add({ batchId }: SinkBatch, { batches, rowCount }: BatchRows): Promise<number> {
    const decoded = await Promise.all(
      batches.map(async ({ arrowIpc }) => (await decodeLocalRows(arrowIpc, undefined)).rows),
    );
    await this.#take(
      { kind: 'local', output: this.#columns, rows: decoded.flat(), arrowIpc: undefined },
      batchId,
    );
    return rowCount;
  }

  async close(): Promise<void> {
    // Nothing is open.
  }
}

async function* iterate(batches: readonly QueryBatch[]): AsyncGenerator<QueryBatch> {
  yield* batches;
}
