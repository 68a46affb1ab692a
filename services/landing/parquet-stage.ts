import { createWriteStream } from 'node:fs';
import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Kernel, identifier, literal } from '../../client/ingest/kernel.ts';
import { lateSql } from '../../common/stream/lateness.ts';
import type { LandingOptions } from './landing-options.ts';

/** Records of one partition, in the order of their offsets. */
export interface StagedRecords {
  readonly partition: number;
  readonly offsets: readonly number[];
  readonly values: readonly Buffer[];
  /** The partition's highest event time before the first of them. */
  readonly highestMs: number | null;
}

export interface StagedFile {
  readonly localPath: string;
  readonly lengthBytes: number;
  /** YYYY/MM/DD, in UTC; undefined for the values without an event time. */
  readonly day: string | undefined;
}

export interface StagedParquet {
  readonly files: readonly StagedFile[];
  readonly highestMs: number | null;
  readonly rows: number;
  readonly lateRows: number;
  readonly malformedRows: number;
}

const MEMORY_BYTES = 256 * 1024 * 1024;
/**
 * It works a second out of ten: what it holds in between is given back, and one thread is cheaper than two. 70,000 clicks a
 * file left some 300 MiB with the kernel's defaults and some 100 MiB with these.
 */
const KERNEL_SETTINGS = {
  threads: '1',
  allocator_background_threads: 'true',
  allocator_flush_threshold: '8MiB',
  allocator_bulk_deallocation_flush_threshold: '8MiB',
};
/** Of one record as JSON text; the kernel sets twice as much aside for each of its threads. */
const OBJECT_BYTES_MAX = 8 * 1024 * 1024;

/** Turns records into local Parquet files, one a day, with a private kernel. */
export class ParquetStage {
  readonly #kernel: Kernel;
  readonly #directory: string;
  readonly #options: LandingOptions;
  /** Partitions take turns: there is one table. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(kernel: Kernel, directory: string, options: LandingOptions) {
    this.#kernel = kernel;
    this.#directory = directory;
    this.#options = options;
  }

  /** `directory` is the stage's own: what a killed process has left in it is removed. */
  static async open(options: LandingOptions, directory: string): Promise<ParquetStage> {
    await rm(directory, { recursive: true, force: true });
    await mkdir(directory, { recursive: true });
    const kernel = await Kernel.open({
      directory,
      memoryLimitBytes: MEMORY_BYTES,
      timezone: 'UTC',
      settings: KERNEL_SETTINGS,
    });
    return new ParquetStage(kernel, directory, options);
  }

  /** The caller removes the files with `clear`. Errors: those of the kernel. */
  write(records: StagedRecords): Promise<StagedParquet> {
    const result = this.#turn.then(() => this.#write(records));
    this.#turn = result.catch(() => undefined);
    return result;
  }

  async #write(records: StagedRecords): Promise<StagedParquet> {
    const lines = join(this.#directory, 'records.ndjson');
    await writeLines(lines, records);
    const source = `read_json(${literal(lines)}, format = 'newline_delimited', columns = {o: 'BIGINT', v: 'VARCHAR'}, maximum_object_size = ${OBJECT_BYTES_MAX})`;
    await this.#kernel.run(`CREATE OR REPLACE TEMP TABLE landed AS ${this.#landedSql(source, records)}`);
    const [totals] = await this.#kernel.rows(
      `SELECT count(t) AS rows, count(*) FILTER (late) AS late_rows, count(*) - count(t) AS malformed_rows, max(t) AS highest_ms FROM landed`,
    );
    const days = await this.#kernel.rows(
      `SELECT DISTINCT strftime(event_time, '%Y/%m/%d') AS day FROM landed WHERE t IS NOT NULL ORDER BY day`,
    );
    const files = [];
    for (const day of days) files.push(await this.#copyDay(String(day['day']), records.partition));
    const malformedRows = Number(totals?.['malformed_rows'] ?? 0);
    if (malformedRows > 0) files.push(await this.#copyMalformed(records.partition));
    await this.#kernel.run('DROP TABLE landed');
    const highest = totals?.['highest_ms'];
    return {
      files,
      highestMs: max(records.highestMs, highest === null || highest === undefined ? null : Number(highest)),
      rows: Number(totals?.['rows'] ?? 0),
      lateRows: Number(totals?.['late_rows'] ?? 0),
      malformedRows,
    };
  }

  async clear(staged: StagedParquet): Promise<void> {
    await Promise.all(staged.files.map(({ localPath }) => rm(localPath, { force: true })));
  }

  async close(): Promise<void> {
    this.#kernel.close();
    await rm(this.#directory, { recursive: true, force: true });
  }

  #landedSql(source: string, { highestMs }: StagedRecords): string {
    const text = `CASE WHEN json_valid(v) THEN json_extract_string(v, ${literal(`$.${this.#options.timeField}`)}) END`;
    const timed = `SELECT o, v, coalesce(round(TRY_CAST(s AS DOUBLE) * 1000)::BIGINT, epoch_ms(TRY_CAST(s AS TIMESTAMPTZ))) AS t FROM (SELECT o, v, ${text} AS s FROM ${source})`;
    const late = lateSql({
      time: 'epoch_ms(t)',
      highestUs: highestMs === null ? undefined : highestMs * 1_000,
      delayMs: this.#options.delayMs,
    });
    return `SELECT o, v, t, epoch_ms(t)::TIMESTAMPTZ AS event_time, ${late} AS late FROM (${timed})`;
  }

  async #copyDay(day: string, partition: number): Promise<StagedFile> {
    const columns = this.#options.columns.map(
      ({ name, kernelType }) =>
        `TRY_CAST(json_extract_string(v, ${literal(`$.${name}`)}) AS ${kernelType}) AS ${identifier(name)}`,
    );
    const own = ['late', `${partition}::INTEGER AS log_partition`, 'o AS log_offset'];
    const rows = `SELECT ${['event_time', ...columns, ...own].join(', ')} FROM landed WHERE t IS NOT NULL AND strftime(event_time, '%Y/%m/%d') = ${literal(day)} ORDER BY o`;
    return { ...(await this.#copy(rows, `${partition}-${day.replaceAll('/', '')}`)), day };
  }

  async #copyMalformed(partition: number): Promise<StagedFile> {
    const rows = `SELECT v AS value, ${partition}::INTEGER AS log_partition, o AS log_offset FROM landed WHERE t IS NULL ORDER BY o`;
    return { ...(await this.#copy(rows, `${partition}-malformed`)), day: undefined };
  }

  async #copy(rows: string, name: string): Promise<Omit<StagedFile, 'day'>> {
    const localPath = join(this.#directory, `${name}.parquet`);
    await this.#kernel.run(`COPY (${rows}) TO ${literal(localPath)} (FORMAT parquet, COMPRESSION snappy)`);
    return { localPath, lengthBytes: (await stat(localPath)).size };
  }
}

async function writeLines(path: string, { offsets, values }: StagedRecords): Promise<void> {
  const file = createWriteStream(path);
  const done = new Promise<void>((resolve, reject) => file.once('error', reject).once('close', resolve));
  for (const [i, value] of values.entries()) {
    const more = file.write(`{"o":${offsets[i]},"v":${JSON.stringify(value.toString())}}\n`);
    if (!more)
      await Promise.race([done, new Promise<void>((resolve) => file.once('drain', () => resolve()))]);
  }
  file.end();
  await done;
}

function max(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b;
  return Math.max(a, b);
}
