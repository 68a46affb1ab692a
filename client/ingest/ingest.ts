import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasCode, QuarryError } from '../../common/quarry-error.ts';
import { identifier, Kernel, literal } from './kernel.ts';
import { type PartFile, PartFileWriter } from './part-file.ts';
import { type PartitionBy, type Partitioning, partitioning } from './partitioning.ts';
import { type SourceQuery, sourceQuery } from './source-query.ts';
import { findSources, type SourceFormat } from './sources.ts';
import { type IngestTarget, upload } from './upload.ts';

export interface IngestProgress {
  readonly files: number;
  readonly rows: number;
  /** Of Parquet, stored so far; not times the replication. */
  readonly bytes: number;
}

export interface IngestOptions {
  readonly fs: IngestTarget;
  /** Local files, directories and globs. */
  readonly sources: readonly string[];
  /** A directory of the cluster; part files are added to what it holds. */
  readonly destination: string;
  /** Default: by the files' extensions. */
  readonly format?: SourceFormat;
  readonly partitionBy?: PartitionBy;
  /** Such as `{date}/`: plain folders, and the files keep every column. Default: Hive's `key=value/`. */
  readonly layout?: string;
  /** In which instants have their dates. Default: UTC. */
  readonly timezone?: string;
  readonly blockSizeBytes?: number;
  /** Bound on a row group as stored. Default: a block, 32 MiB at most. */
  readonly rowGroupBytes?: number;
  readonly replication?: number;
  readonly memoryLimitBytes?: number;
  readonly onProgress?: (progress: IngestProgress) => void;
}

export interface IngestReport extends Omit<IngestProgress, 'files'> {
  /** Absolute paths of the new files, sorted. */
  readonly files: readonly string[];
}

const MEMORY_LIMIT_BYTES = 1024 * 1024 * 1024;
const ROW_GROUP_BYTES_MAX = 32 * 1024 * 1024;
const PARTITIONS_MAX = 10_000;
/** A small file costs waiting, not work: a few at a time keep the datanodes busy. */
const UPLOADS_AT_ONCE = 4;
const STAGED = 'staged';
const PARTITION_COLUMN = '__partition';

/**
 * Turns local files into Parquet in the cluster, each row group within one block. All part files appear in one step: after
 * an error there is nothing to see of it.
 * Errors: FILE_NOT_FOUND (a source), INVALID_ARGUMENT, ANALYSIS (unknown column), BAD_DATA (with file and line where the
 * format has them), FILE_EXISTS, NOT_A_DIRECTORY (a file is at the destination), NO_SPACE, OUT_OF_MEMORY, and what writing has.
 */
export async function ingest(options: IngestOptions): Promise<IngestReport> {
  checkTimezone(options.timezone);
  const sources = await findSources(options.sources, options.format);
  const existed = await checkDestination(options);
  const directory = await mkdtemp(join(tmpdir(), 'quarry-ingest-'));
  try {
    await mkdir(join(directory, 'parts'));
    const kernel = await Kernel.open({
      directory,
      memoryLimitBytes: options.memoryLimitBytes ?? MEMORY_LIMIT_BYTES,
      timezone: options.timezone ?? 'UTC',
    });
    try {
      const job = new IngestJob(options, kernel, join(directory, 'parts'));
      return await job.run(await sourceQuery(kernel, sources), existed);
    } finally {
      kernel.close();
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function checkTimezone(timezone = 'UTC'): void {
  try {
    new Intl.DateTimeFormat('en', { timeZone: timezone });
  } catch (cause) {
    throw new QuarryError('INVALID_ARGUMENT', `${timezone} is no time zone: give a name such as Asia/Seoul`, {
      cause,
    });
  }
}

async function checkDestination({ fs, destination }: IngestOptions): Promise<boolean> {
  if (!(await fs.exists(destination))) return false;
  if ((await fs.stat(destination)).directory) return true;
  throw new QuarryError(
    'NOT_A_DIRECTORY',
    `${destination} is a file: ingest writes part files into a directory`,
  );
}

interface Part {
  readonly sql: string;
  readonly folder: string;
}

class IngestJob {
  readonly #options: IngestOptions;
  readonly #kernel: Kernel;
  readonly #localDirectory: string;
  readonly #id = randomUUID();
  readonly #destination: string;
  readonly #temporary: string;
  readonly #parts: PartFileWriter;
  readonly #blockSizeBytes: number;
  readonly #moves: { source: string; target: string }[] = [];
  #rows = 0;
  #bytes = 0;

  constructor(options: IngestOptions, kernel: Kernel, localDirectory: string) {
    this.#options = options;
    this.#kernel = kernel;
    this.#localDirectory = localDirectory;
    this.#destination = options.destination.replace(/\/+$/, '');
    this.#temporary = `${this.#destination}/_temporary/${this.#id}`;
    this.#blockSizeBytes = options.blockSizeBytes ?? options.fs.config['client.blockSizeBytes'];
    this.#parts = new PartFileWriter(kernel, {
      blockSizeBytes: this.#blockSizeBytes,
      rowGroupBytes: options.rowGroupBytes ?? Math.min(this.#blockSizeBytes, ROW_GROUP_BYTES_MAX),
    });
  }

  async run(query: SourceQuery, destinationExisted: boolean): Promise<IngestReport> {
    try {
      await this.#writeAll(await this.#plan(query));
      await this.#options.fs.publish({ moves: this.#moves, cleanup: this.#temporary });
    } catch (thrown) {
      await this.#removeTraces(destinationExisted);
      throw thrown;
    }
    await this.#deleteIfEmpty(`${this.#destination}/_temporary`);
    const files = this.#moves.map(({ target }) => target).toSorted();
    return { files, rows: this.#rows, bytes: this.#bytes };
  }

  async #plan(query: SourceQuery): Promise<Part[]> {
    const { partitionBy, layout, timezone = 'UTC' } = this.#options;
    if (partitionBy !== undefined) {
      return this.#stage(query, partitioning(partitionBy, layout, query.columns, timezone));
    }
    if (layout !== undefined) throw new QuarryError('INVALID_ARGUMENT', '--layout goes with --partition-by');
    return [{ sql: query.sql, folder: '' }];
  }

  /** Sorted by partition on local disk, each partition is one short scan. DuckDB's own partitioned COPY holds all of them in memory and splits files beyond a hundred. */
  async #stage(query: SourceQuery, by: Partitioning): Promise<Part[]> {
    const partition = identifier(PARTITION_COLUMN);
    await this.#kernel.run(
      `CREATE TABLE ${STAGED} AS SELECT *, ${by.valueSql} AS ${partition} FROM (${query.sql}) ORDER BY ${partition} NULLS LAST`,
    );
    const values = await this.#kernel.rows(
      `SELECT DISTINCT ${partition} AS value FROM ${STAGED} ORDER BY value NULLS LAST LIMIT ${PARTITIONS_MAX + 1}`,
    );
    if (values.length > PARTITIONS_MAX) {
      throw new QuarryError(
        'LIMIT_EXCEEDED',
        `more than ${PARTITIONS_MAX} partitions: partition by a column with fewer values`,
      );
    }
    const hidden = [PARTITION_COLUMN, ...(by.dropped === undefined ? [] : [by.dropped])];
    if (hidden.length > query.columns.length) {
      throw new QuarryError(
        'INVALID_ARGUMENT',
        `the files would have no column but ${by.key}: give --layout`,
      );
    }
    return values.map((row) => {
      const value = typeof row['value'] === 'string' ? row['value'] : null;
      const where = value === null ? `${partition} IS NULL` : `${partition} = ${literal(value)}`;
      const columns = `* EXCLUDE (${hidden.map(identifier).join(', ')})`;
      return { sql: `SELECT ${columns} FROM ${STAGED} WHERE ${where}`, folder: by.folder(value) };
    });
  }

  /** One part after the other is written here, while those before it are on their way. */
  async #writeAll(parts: readonly Part[]): Promise<void> {
    const uploads = new Set<Promise<void>>();
    const failures: unknown[] = [];
    try {
      for (const [index, part] of parts.entries()) {
        if (uploads.size >= UPLOADS_AT_ONCE) await Promise.race(uploads);
        if (failures.length > 0) break;
        const written = await this.#parts.write(part.sql, join(this.#localDirectory, `${index}.parquet`));
        const uploaded: Promise<void> = this.#upload(written, index, part.folder)
          .catch((thrown: unknown) => void failures.push(thrown))
          .finally(() => uploads.delete(uploaded));
        uploads.add(uploaded);
      }
    } finally {
      // After a failure nothing may still be writing when the traces are removed.
      await Promise.all(uploads);
    }
    if (failures.length > 0) throw QuarryError.from(failures[0]);
  }

  async #upload(part: PartFile, index: number, folder: string): Promise<void> {
    const { fs, replication, onProgress } = this.#options;
    const source = `${this.#temporary}/${index}.parquet`;
    await upload(fs, part, source, {
      blockSizeBytes: this.#blockSizeBytes,
      ...(replication === undefined ? {} : { replication }),
    });
    await rm(part.localPath);
    this.#moves.push({ source, target: `${this.#destination}/${folder}part-00000-${this.#id}.parquet` });
    this.#rows += part.rowCount;
    this.#bytes += part.lengthBytes;
    onProgress?.({ files: this.#moves.length, rows: this.#rows, bytes: this.#bytes });
  }

  async #removeTraces(destinationExisted: boolean): Promise<void> {
    const { fs } = this.#options;
    try {
      await fs.delete(this.#temporary, { recursive: true });
      await this.#deleteIfEmpty(`${this.#destination}/_temporary`);
      if (!destinationExisted) await this.#deleteIfEmpty(this.#destination);
    } catch (thrown) {
      // The cluster is gone or refuses: what is left lies under _temporary, which readers skip. The first error is the one to tell.
      if (!(thrown instanceof QuarryError)) throw thrown;
    }
  }

  /** Another ingest may be using it. */
  async #deleteIfEmpty(path: string): Promise<void> {
    try {
      await this.#options.fs.delete(path);
    } catch (thrown) {
      if (!hasCode(thrown, 'DIRECTORY_NOT_EMPTY')) throw thrown;
    }
  }
}
