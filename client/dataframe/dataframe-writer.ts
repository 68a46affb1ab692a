import { QuarryError } from '../../common/quarry-error.ts';
import type { WriteOperationInput } from '../../proto/gen/spark/connect/WriteOperation.ts';
import type { ExecutePlanResponse } from '../../proto/gen/spark/connect/ExecutePlanResponse.ts';
import type { ExecuteOptions } from '../connect/plan-runner.ts';

const SAVE_MODES = {
  append: 'SAVE_MODE_APPEND',
  overwrite: 'SAVE_MODE_OVERWRITE',
  errorifexists: 'SAVE_MODE_ERROR_IF_EXISTS',
  error: 'SAVE_MODE_ERROR_IF_EXISTS',
  ignore: 'SAVE_MODE_IGNORE',
} as const;

export type SaveMode = keyof typeof SAVE_MODES;

/** Answers the metrics that came with the end of the write. */
type Write = (
  operation: Omit<WriteOperationInput, 'input'>,
  options: ExecuteOptions,
) => Promise<ExecutePlanResponse['metrics']>;

/** What became of a write to a table. */
export interface TableWriteOutcome {
  /** 'skipped': this write of this run is committed already, and nothing was touched. */
  readonly outcome: 'written' | 'skipped';
  /** Rows of the write that counts; undefined when the server does not say (a Spark cluster). */
  readonly rowCount: number | undefined;
}

/** Where and how the rows of a DataFrame are stored. Immutable. On a Quarry cluster all files appear at once, or none. */
export class DataFrameWriter {
  readonly #write: Write;
  readonly #operation: Omit<WriteOperationInput, 'input'>;

  constructor(
    write: Write,
    operation: Omit<WriteOperationInput, 'input'> = { mode: 'SAVE_MODE_ERROR_IF_EXISTS' },
  ) {
    this.#write = write;
    this.#operation = operation;
  }

  /** When something is at the path: errorifexists (the default), overwrite, append, ignore. */
  mode(mode: SaveMode): DataFrameWriter {
    const value = SAVE_MODES[mode];
    if (value === undefined) {
      throw new QuarryError(
        'INVALID_ARGUMENT',
        `there is no save mode ${String(mode)}: use one of ${Object.keys(SAVE_MODES).join(', ')}`,
      );
    }
    return this.#with({ mode: value });
  }

  /** One directory `column=value` for each value. */
  partitionBy(...columns: readonly string[]): DataFrameWriter {
    return this.#with({ partitioningColumns: [...columns] });
  }

  option(name: string, value: string | number | boolean): DataFrameWriter {
    return this.#with({ options: { ...this.#operation.options, [name]: String(value) } });
  }

  format(source: string): DataFrameWriter {
    return this.#with({ source });
  }

  /** Errors: FILE_EXISTS, and those of an action. */
  async parquet(path: string, options: ExecuteOptions = {}): Promise<void> {
    await this.format('parquet').save(path, options);
  }

  /** `path` is left out where options say where to: format jdbc. */
  async save(path = '', options: ExecuteOptions = {}): Promise<void> {
    await this.#write({ ...this.#operation, ...(path === '' ? {} : { path }) }, options);
  }

  /**
   * Writes to a table: `jdbc:mysql://HOST:PORT/DATABASE`, `jdbc:mariadb://...` or `jdbc:quarry://HOST:PORT/NAME`. `properties` has `user` and
   * `password`. On a Quarry cluster the rows show at once, or not at all; in a run of a scheduler (`x-quarry-run-id`) once, however often the job is
   * retried. `.option('quarry.replaceKeys', 'ds')` deletes the rows of the same `ds` before.
   * Errors: TABLE_EXISTS, TABLES_UNAVAILABLE, PERMISSION_DENIED, ANALYSIS, BAD_DATA, and those of an action.
   */
  async jdbc(
    url: string,
    table: string,
    properties: Readonly<Record<string, string>> = {},
    options: ExecuteOptions = {},
  ): Promise<TableWriteOutcome> {
    const target = { ...this.#operation.options, ...properties, url, dbtable: table };
    const metrics = await this.#write({ ...this.#operation, source: 'jdbc', options: target }, options);
    const of = metrics?.metrics.find(({ name }) => name === 'jdbc')?.executionMetrics ?? {};
    const rows = of['rowsSkipped'] ?? of['rowsWritten'];
    return {
      outcome: of['rowsSkipped'] === undefined ? 'written' : 'skipped',
      rowCount: rows === undefined ? undefined : Number(rows.value),
    };
  }

  #with(fields: Omit<WriteOperationInput, 'input'>): DataFrameWriter {
    return new DataFrameWriter(this.#write, { ...this.#operation, ...fields });
  }
}
