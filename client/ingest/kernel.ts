import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import { QuarryError } from '../../common/quarry-error.ts';

export interface KernelOptions {
  /** A private directory: the database file and what spills. */
  readonly directory: string;
  readonly memoryLimitBytes: number;
  readonly timezone: string;
  /** DuckDB's own settings, by their names. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** One DuckDB for one ingest. Its errors come out as QuarryErrors: BAD_DATA, OUT_OF_MEMORY, NO_SPACE, INTERNAL. */
export class Kernel {
  readonly #instance: DuckDBInstance;
  readonly #connection: DuckDBConnection;

  private constructor(instance: DuckDBInstance, connection: DuckDBConnection) {
    this.#instance = instance;
    this.#connection = connection;
  }

  static async open(options: KernelOptions): Promise<Kernel> {
    const instance = await DuckDBInstance.create(`${options.directory}/stage.duckdb`, {
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
      memory_limit: `${Math.floor(options.memoryLimitBytes / 1024)}KiB`,
      temp_directory: `${options.directory}/spill`,
      ...options.settings,
    });
    const kernel = new Kernel(instance, await instance.connect());
    await kernel.run(`SET TimeZone = ${literal(options.timezone)}`);
    return kernel;
  }

  async run(sql: string): Promise<void> {
    try {
      await this.#connection.run(sql);
    } catch (thrown) {
      throw kernelError(thrown);
    }
  }

  /** Each value as JSON has it: 64-bit integers as strings. */
  async rows(sql: string): Promise<Record<string, unknown>[]> {
    try {
      return (await this.#connection.runAndReadAll(sql)).getRowObjectsJson();
    } catch (thrown) {
      throw kernelError(thrown);
    }
  }

  close(): void {
    this.#connection.closeSync();
    this.#instance.closeSync();
  }
}

export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function kernelError(thrown: unknown): QuarryError {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  if (/^(Out of Memory|OutOfMemory)/i.test(message)) {
    return new QuarryError('OUT_OF_MEMORY', `the ingest needs more memory: ${headline(message)}`, {
      cause: thrown,
    });
  }
  if (/no space left|disk is full|ENOSPC/i.test(message)) {
    return new QuarryError('NO_SPACE', `the temporary directory is full: ${headline(message)}`, {
      cause: thrown,
    });
  }
  if (/^INTERNAL Error/i.test(message))
    return new QuarryError('INTERNAL', headline(message), { cause: thrown });
  return new QuarryError('BAD_DATA', headline(message), { cause: thrown });
}

/** What is wrong and in which file and line, without the advice about SQL that follows it. */
function headline(message: string): string {
  const lines = message.split('\n').map((line) => line.trim());
  const end = lines.findIndex((line, index) => index > 0 && (line === '' || line.startsWith('LINE ')));
  const what = lines.slice(0, end < 0 ? undefined : end).join(' ');
  const file = /^file = (.+)$/m.exec(lines.join('\n'))?.[1];
  const text = what.replace(/^[A-Z][A-Za-z]*( [A-Z][A-Za-z]*)* Error: /, '');
  return file === undefined || text.includes(file) ? text : `${file}: ${text}`;
}
