import { type DuckDBConnection, DuckDBInstance, type DuckDBResult } from '@duckdb/node-api';
import { fromKernelError } from './kernel-error.ts';

export interface KernelOptions {
  readonly memoryLimitBytes: number;
  readonly threads: number;
  /** Where the kernel spills to. */
  readonly temporaryDirectory: string;
}

/** One DuckDB instance: the memory limit and threads of one slot. Every task gets a connection of its own, so that no setting or temporary table of one is seen by the next. */
export class DuckDbKernel {
  readonly #instance: DuckDBInstance;

  private constructor(instance: DuckDBInstance) {
    this.#instance = instance;
  }

  static async open(options: KernelOptions): Promise<DuckDbKernel> {
    const instance = await DuckDBInstance.create(':memory:', {
      // With its file cache the kernel remembers a hole of a sparse file as zeros, for ever.
      enable_external_file_cache: 'false',
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
      memory_limit: `${Math.floor(options.memoryLimitBytes / 1024)}KiB`,
      threads: String(options.threads),
      temp_directory: options.temporaryDirectory,
    });
    return new DuckDbKernel(instance);
  }

  async connect(timeZone: string): Promise<KernelSession> {
    const connection = await this.#instance.connect();
    const session = new KernelSession(connection);
    await session.run(`SET TimeZone = ${quote(timeZone)}`);
    return session;
  }

  close(): void {
    this.#instance.closeSync();
  }
}

/** One task's connection. Failures are typed; `interrupt` makes whatever runs fail with INTERRUPTED. */
export class KernelSession {
  readonly #connection: DuckDBConnection;

  constructor(connection: DuckDBConnection) {
    this.#connection = connection;
  }

  async run(sql: string): Promise<void> {
    try {
      await this.#connection.run(sql);
    } catch (thrown) {
      throw fromKernelError(thrown);
    }
  }

  /** All rows of a small result. */
  async rows(sql: string): Promise<unknown[][]> {
    try {
      return await (await this.#connection.run(sql)).getRowsJS();
    } catch (thrown) {
      throw fromKernelError(thrown);
    }
  }

  /** Chunks are made as they are fetched: the kernel holds no more than a few. */
  async stream(sql: string): Promise<DuckDBResult> {
    try {
      return await this.#connection.stream(sql);
    } catch (thrown) {
      throw fromKernelError(thrown);
    }
  }

  interrupt(): void {
    this.#connection.interrupt();
  }

  close(): void {
    this.#connection.disconnectSync();
  }
}

export function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
