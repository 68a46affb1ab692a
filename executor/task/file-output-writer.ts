import { mkdir, mkdtemp, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { QuarryError } from '../../common/quarry-error.ts';
import type { FileOutput } from '../../proto/gen/quarry/FileOutput.ts';
import type { WrittenFileInput } from '../../proto/gen/quarry/WrittenFile.ts';
import { type ParquetFooter, readLocalFooter, rowGroupRange } from '../../common/parquet/parquet-footer.ts';
import { type KernelSession, quote, quoteName } from '../kernel/duckdb-kernel.ts';
import type { ExecutorEnvironment, TaskContext } from './task-runner.ts';

/** What the kernel writes by default; rounded down to its vector size where blocks are small. */
const ROW_GROUP_ROWS = 122_880;
const VECTOR_ROWS = 2_048;
const PIECE_BYTES = 1024 * 1024;
const NULL_PARTITION = '__HIVE_DEFAULT_PARTITION__';
const TABLE = 'quarry_output';

interface Query {
  readonly sql: string;
  readonly output: FileOutput;
}

/**
 * Writes a query's rows as Parquet files below the attempt's own directory, for the driver to publish or to drop.
 * No row group crosses a block: a reader of a split reads one block.
 */
export async function writeFiles(
  session: KernelSession,
  environment: ExecutorEnvironment,
  query: Query,
  context: TaskContext,
): Promise<{ files: WrittenFileInput[] }> {
  await mkdir(environment.temporaryDirectory, { recursive: true });
  const directory = await mkdtemp(join(environment.temporaryDirectory, 'write-'));
  const writer = new OutputWriter(session, environment, query.output, { directory, context });
  try {
    const { partitionBy } = query.output;
    return {
      files: partitionBy.length === 0 ? await writer.single(query.sql) : await writer.partitioned(query.sql),
    };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** A query's rows in a Parquet file of this host. */
export interface LocalParquet {
  readonly rowCount: number;
  /** Copies it into the distributed file system; here it is gone afterwards, whatever happens. */
  upload(target: string): Promise<void>;
}

/** Writes a query's rows as one Parquet file, which the kernel is done with when this returns; undefined without rows. */
export async function localParquet(
  session: KernelSession,
  environment: ExecutorEnvironment,
  sql: string,
  context: TaskContext,
): Promise<LocalParquet | undefined> {
  const directory = await mkdtemp(join(environment.temporaryDirectory, 'write-'));
  const output: FileOutput = {
    directory: '',
    fileStem: '',
    compression: 'snappy',
    partitionBy: [],
    blockSizeBytes: 0,
    emptyFile: false,
  };
  const writer = new OutputWriter(session, environment, output, { directory, context });
  const remove = () => rm(directory, { recursive: true, force: true });
  const written = await writer.local(sql).catch(async (thrown: unknown) => {
    await remove();
    throw thrown;
  });
  if (written === undefined) {
    await remove();
    return undefined;
  }
  return {
    rowCount: written.rowCount,
    async upload(target) {
      try {
        await writer.upload(written, target);
      } finally {
        await remove();
      }
    },
  };
}

interface LocalFile {
  readonly path: string;
  readonly footer: ParquetFooter;
  readonly rowCount: number;
}

class OutputWriter {
  readonly #session: KernelSession;
  readonly #environment: ExecutorEnvironment;
  readonly #output: FileOutput;
  readonly #place: { readonly directory: string; readonly context: TaskContext };

  constructor(
    session: KernelSession,
    environment: ExecutorEnvironment,
    output: FileOutput,
    place: { readonly directory: string; readonly context: TaskContext },
  ) {
    this.#session = session;
    this.#environment = environment;
    this.#output = output;
    this.#place = place;
  }

  async single(sql: string): Promise<WrittenFileInput[]> {
    const file = await this.#write(sql, '');
    return file === undefined ? [] : [file];
  }

  /** One file for each combination of values. The rows are sorted first, so that each file reads its own part only. */
  async partitioned(sql: string): Promise<WrittenFileInput[]> {
    const keys = this.#output.partitionBy.map(quoteName);
    await this.#session.run(
      `CREATE TEMP TABLE ${TABLE} AS SELECT * FROM (${sql}) ORDER BY ${keys.join(', ')}`,
    );
    const texts = keys.map((key) => `CAST(${key} AS VARCHAR)`).join(', ');
    const values = (await this.#session.rows(`SELECT DISTINCT ${texts} FROM ${TABLE} ORDER BY ALL`)) as (
      | string
      | null
    )[][];
    const files: WrittenFileInput[] = [];
    for (const row of values) {
      const where = keys.map((key, index) => {
        const value = row[index] ?? null;
        return value === null ? `${key} IS NULL` : `CAST(${key} AS VARCHAR) = ${quote(value)}`;
      });
      const directory = row
        .map((value, index) => partitionName(this.#output.partitionBy[index]!, value))
        .join('/');
      const part = `SELECT * EXCLUDE (${keys.join(', ')}) FROM ${TABLE} WHERE ${where.join(' AND ')}`;
      const file = await this.#write(part, `${directory}/`);
      if (file !== undefined) files.push(file);
    }
    return files;
  }

  async #write(sql: string, relativeDirectory: string): Promise<WrittenFileInput | undefined> {
    const { id } = this.#place.context.request;
    const relativePath = `${relativeDirectory}${this.#output.fileStem}${extension(this.#output.compression)}`;
    const target = `${this.#output.directory}/attempt-${id?.stage}-${id?.partition}-${id?.attempt}/${relativePath}`;
    const file = await this.local(sql);
    if (file === undefined) return undefined;
    await this.upload(file, target);
    return {
      path: target,
      relativePath,
      lengthBytes: file.footer.fileLengthBytes,
      rowCount: file.rowCount,
    };
  }

  async local(sql: string): Promise<LocalFile | undefined> {
    const path = join(this.#place.directory, 'part.parquet');
    const footer = await this.#writeLocal(sql, path);
    const rowCount = Number(footer.metadata.num_rows);
    return rowCount === 0 && !this.#output.emptyFile ? undefined : { path, footer, rowCount };
  }

  async upload({ path, footer, rowCount }: LocalFile, target: string): Promise<void> {
    await this.#upload(path, footer, target);
    this.#place.context.metrics.rowsWritten += rowCount;
  }

  /** Writes until every row group fits a block: the first try shows how large they come out. */
  async #writeLocal(sql: string, path: string): Promise<ParquetFooter> {
    let rows = ROW_GROUP_ROWS;
    for (;;) {
      await this.#session.run(
        `COPY (${sql}) TO ${quote(path)} (FORMAT parquet, COMPRESSION ${this.#output.compression}, ROW_GROUP_SIZE ${rows})`,
      );
      const footer = await readLocalFooter(path);
      const starts = rowGroupStarts(footer);
      const largest = Math.max(
        0,
        ...starts.map((start, index) => (starts[index + 1] ?? footer.startBytes) - start),
      );
      if (largest <= this.#blockSizeBytes) return footer;
      const fitting = Math.floor((rows * this.#blockSizeBytes * 0.8) / largest / VECTOR_ROWS) * VECTOR_ROWS;
      if (rows === VECTOR_ROWS) {
        throw new QuarryError(
          'INVALID_ARGUMENT',
          `${VECTOR_ROWS} rows take ${largest} bytes, more than a block of ${this.#blockSizeBytes}: write with larger blocks`,
        );
      }
      rows = Math.max(VECTOR_ROWS, fitting);
    }
  }

  async #upload(path: string, footer: ParquetFooter, target: string): Promise<void> {
    const writer = await this.#environment.fileSystem.create(target, {
      overwrite: true,
      blockSizeBytes: this.#blockSizeBytes,
    });
    const file = await open(path, 'r');
    try {
      const starts = rowGroupStarts(footer);
      let inBlock = 0;
      for (const [index, start] of starts.entries()) {
        const from = index === 0 ? 0 : start;
        const end = starts[index + 1] ?? footer.startBytes;
        if (inBlock > 0 && inBlock + end - from > this.#blockSizeBytes) {
          await writer.endBlock();
          inBlock = 0;
        }
        await copyRange(file, from, end, (piece) => writer.write(piece));
        inBlock += end - from;
      }
      const rest = starts.length === 0 ? 0 : footer.startBytes;
      await copyRange(file, rest, footer.fileLengthBytes, (piece) => writer.write(piece));
      await writer.close();
    } catch (thrown) {
      await writer.abort();
      throw thrown;
    } finally {
      await file.close();
    }
  }

  get #blockSizeBytes(): number {
    return this.#output.blockSizeBytes || this.#environment.config['client.blockSizeBytes'];
  }
}

type OpenFile = Awaited<ReturnType<typeof open>>;

async function copyRange(
  file: OpenFile,
  startBytes: number,
  endBytes: number,
  take: (piece: Buffer) => Promise<void>,
): Promise<void> {
  for (let at = startBytes; at < endBytes; at += PIECE_BYTES) {
    const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, endBytes - at));
    await file.read(piece, 0, piece.length, at);
    await take(piece);
  }
}

/** Where each row group's first page begins, in file order. */
function rowGroupStarts(footer: ParquetFooter): number[] {
  return footer.metadata.row_groups.map((group) => rowGroupRange(group).startBytes);
}

/** Hive's directory name of a value; what a path cannot hold is percent-encoded as Hive does. */
function partitionName(column: string, value: string | null): string {
  const text = value === null || value === '' ? NULL_PARTITION : value;
  return `${escapePath(column)}=${escapePath(text)}`;
}

function escapePath(text: string): string {
  return text.replace(
    /[\p{Cc}"#%'*/:=?\\{[\]^]/gu,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}

const EXTENSIONS: Readonly<Record<string, string>> = {
  snappy: '.snappy.parquet',
  zstd: '.zstd.parquet',
  gzip: '.gz.parquet',
  lz4_raw: '.lz4raw.parquet',
};

function extension(compression: string): string {
  return EXTENSIONS[compression] ?? '.parquet';
}
