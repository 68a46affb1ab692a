import { rowsOfArrow } from '../../../common/compute/arrow-rows.ts';
import { openTables } from '../../../sinks/open-tables.ts';
import type { TableColumn, TableStore, TableValue } from '../../../sinks/table-store.ts';
import type { Attribute } from '../../plan/expression.ts';
import { optionOf } from '../../plan/log-options.ts';
import { simpleString } from '../../plan/types/simple-string.ts';
import type { QueryBatch } from '../../schedule/query-runner.ts';
import { countOption, requiredOption } from '../stream-options.ts';
import type { OutputMode } from '../streaming-query.ts';
import { asItIs, asText, type SentColumn, sentOutput } from './result-output.ts';
import type { BatchRows, SinkBatch, SinkOutput, StreamSink } from './stream-sink.ts';

export interface TableSinkOptions {
  readonly options: Readonly<Record<string, string>>;
  readonly columns: readonly Attribute[];
  readonly queryId: string;
  readonly mode: OutputMode;
}

const BATCH_ROWS = 1_000;

/** A table of MySQL, MariaDB or the embedded store: rows and marker in one transaction. */
export class TableSink implements StreamSink {
  readonly description: string;
  readonly #store: TableStore;
  readonly #table: string;
  readonly #options: TableSinkOptions;
  readonly #sent: readonly SentColumn[];
  readonly #replaceKeys: readonly string[];

  private constructor(store: TableStore, options: TableSinkOptions) {
    this.#store = store;
    this.#options = options;
    this.#table = requiredOption(options.options, 'dbtable', 'jdbc');
    this.#sent = options.columns.map(sentAs);
    const keys =
      optionOf(options.options, 'quarry.replaceKeys') ?? optionOf(options.options, 'replaceKeys') ?? '';
    this.#replaceKeys = keys
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '');
    this.description = `JDBC[${this.#table}]`;
    // A changed group takes the place of what it was: without its key there would be two of it.
    if (options.mode === 'update')
      requiredOption({ 'quarry.replaceKeys': keys }, 'quarry.replaceKeys', 'jdbc in update mode');
  }

  /** Errors: INVALID_ARGUMENT. */
  static async open(options: TableSinkOptions): Promise<TableSink> {
    const url = requiredOption(options.options, 'url', 'jdbc');
    const credentials = {
      user: optionOf(options.options, 'user'),
      password: optionOf(options.options, 'password'),
    };
    return new TableSink(await openTables(url, credentials), options);
  }

  async output(): Promise<SinkOutput> {
    return sentOutput(this.#sent, `table ${this.#table}`);
  }

  async add({ batchId, epoch }: SinkBatch, { batches }: BatchRows): Promise<number> {
    const { columns, queryId, mode, options } = this.#options;
    const { outcome, rowCount } = await this.#store.write(
      {
        table: this.#table,
        columns: columns.map(
          ({ name, type, nullable }): TableColumn => ({ name, type: simpleString(type), nullable }),
        ),
        mode: mode === 'complete' ? 'overwrite' : 'append',
        truncate: mode === 'complete',
        key: { kind: 'stream', queryId, epoch, batchId },
        replaceKeys: this.#replaceKeys,
        batchRows: countOption(options, 'batchsize') ?? BATCH_ROWS,
      },
      valuesOf(batches),
    );
    return outcome === 'skipped' ? -1 : rowCount;
  }

  async close(): Promise<void> {
    await this.#store.close();
  }
}

function sentAs(attribute: Attribute): SentColumn {
  switch (attribute.type.kind) {
    case 'boolean':
    case 'byte':
    case 'short':
    case 'integer':
    case 'float':
    case 'double':
    case 'string':
    case 'binary':
      return asItIs(attribute);
    default:
      return asText(attribute);
  }
}

async function* valuesOf(batches: readonly QueryBatch[]): AsyncGenerator<TableValue[][]> {
  for (const { arrowIpc } of batches) {
    const rows = rowsOfArrow(arrowIpc).map((row) => Object.values(row).map(valueOf));
    if (rows.length > 0) yield rows;
  }
}

function valueOf(cell: unknown): TableValue {
  if (cell instanceof Uint8Array) return Buffer.from(cell);
  return (cell ?? null) as TableValue;
}
