/** A column as the store creates it; `type` is Spark's simple string: `bigint`, `decimal(12,2)`, `timestamp`. */
export interface TableColumn {
  readonly name: string;
  readonly type: string;
  readonly nullable: boolean;
}

/**
 * Decimals, 64-bit integers, dates and times are text, binary is a Buffer. A timestamp is UTC, `2026-11-22 10:01:02.345678` with
 * up to six digits; to write one, `T` in its middle and `Z` at its end will do too.
 */
export type TableValue = string | number | boolean | Buffer | null;

/**
 * What makes a write the same write when it is tried again. A batch job: DAG, task, run id, and of its writes to this table the
 * how manieth it is, or the name that it has given the write. A streaming query: its id, epoch and batch.
 */
export type WriteKey =
  | {
      readonly kind: 'run';
      readonly dag: string;
      readonly task: string;
      readonly runId: string;
      readonly ordinal: number;
      readonly name?: string;
    }
  | {
      readonly kind: 'stream';
      readonly queryId: string;
      readonly epoch: number;
      readonly batchId: number;
    };

export interface TableWrite {
  /** `table` or `schema.table`. */
  readonly table: string;
  readonly columns: readonly TableColumn[];
  /** append creates the table when it is missing; overwrite replaces what it holds (`truncate` keeps the definition). */
  readonly mode: 'append' | 'overwrite' | 'errorifexists' | 'ignore';
  readonly truncate: boolean;
  /** Without one it is Spark's plain append. */
  readonly key: WriteKey | undefined;
  /** Rows whose values in these columns occur in what is written are deleted in the same transaction. */
  readonly replaceKeys: readonly string[];
  /** Rows of one INSERT. */
  readonly batchRows: number;
}

export interface TableWriteResult {
  /** 'skipped': a write of this key is committed already; nothing was touched. */
  readonly outcome: 'written' | 'skipped';
  readonly rowCount: number;
}

/** What a query found. Leaving `batches` early, or at its end, gives the connection back: it must be read or left. */
export interface TableRows {
  readonly columns: readonly TableColumn[];
  readonly batches: AsyncIterable<readonly (readonly TableValue[])[]>;
}

/**
 * Tables with transactions: MySQL/MariaDB, or the embedded DuckDB file of `services/views`. Rows go to a staging table first;
 * one transaction checks and moves the marker and takes them over, so that a retried or concurrent write shows once.
 */
export interface TableStore {
  /** Errors: TABLE_EXISTS (errorifexists), ANALYSIS (columns that do not fit), FENCED, TABLES_UNAVAILABLE, PERMISSION_DENIED naming the missing grant. */
  write(
    target: TableWrite,
    rows: AsyncIterable<readonly (readonly TableValue[])[]>,
  ): Promise<TableWriteResult>;
  /** Rows of one query with `?` parameters, as objects. */
  query(sql: string, parameters?: readonly TableValue[]): Promise<Record<string, TableValue>[]>;
  /** As `query`, with types and bounded memory. Errors: ANALYSIS, PARSE, TABLES_UNAVAILABLE, PERMISSION_DENIED. */
  read(sql: string, parameters?: readonly TableValue[]): Promise<TableRows>;
  /** The columns of a table, or of `(SELECT ...) AS name`, without its rows. Errors: as `read`. */
  describe(table: string): Promise<TableColumn[]>;
  close(): Promise<void>;
}
