import { QuarryError } from '../../common/quarry-error.ts';
import type { WriteOperationInput } from '../../proto/gen/spark/connect/WriteOperation.ts';
import type { ExecuteOptions } from '../connect/plan-runner.ts';

const SAVE_MODES = {
  append: 'SAVE_MODE_APPEND',
  overwrite: 'SAVE_MODE_OVERWRITE',
  errorifexists: 'SAVE_MODE_ERROR_IF_EXISTS',
  error: 'SAVE_MODE_ERROR_IF_EXISTS',
  ignore: 'SAVE_MODE_IGNORE',
} as const;

export type SaveMode = keyof typeof SAVE_MODES;

type Write = (operation: Omit<WriteOperationInput, 'input'>, options: ExecuteOptions) => Promise<void>;

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

  async save(path: string, options: ExecuteOptions = {}): Promise<void> {
    await this.#write({ ...this.#operation, path }, options);
  }

  #with(fields: Omit<WriteOperationInput, 'input'>): DataFrameWriter {
    return new DataFrameWriter(this.#write, { ...this.#operation, ...fields });
  }
}
