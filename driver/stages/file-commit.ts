import { randomUUID } from 'node:crypto';
import type { FileSystem } from '../../client/fs/file-system.ts';
import { hasCode, QuarryError } from '../../common/quarry-error.ts';
import type { FileOutputInput } from '../../proto/gen/quarry/FileOutput.ts';
import type { FileOutputSummary } from '../../proto/gen/quarry/FileOutputSummary.ts';
import type { LogicalPlan } from '../plan/logical-plan.ts';
import { columnName } from '../plan/render/render-expression.ts';
import { quoteIdentifier } from '../plan/types/duckdb-type.ts';
import type { WriteSummary, WriteTarget } from '../schedule/query-runner.ts';

const TEMPORARY = '_temporary';
const SUCCESS = '_SUCCESS';
/** Names of the batches of streaming queries that are in a directory: QUERY/BATCH. Readers pass over it. */
const STREAMS = '_quarry_streams';
const COMPRESSIONS = ['snappy', 'zstd', 'gzip', 'lz4_raw', 'uncompressed'];

/** A batch of a streaming query, which a directory takes once. */
export interface StreamBatch {
  readonly queryId: string;
  readonly batchId: number;
  readonly epoch: number;
}

/**
 * The output of a job on its way to being visible. Tasks write under PATH/_temporary/ID; one command of the namenode then
 * moves every file of the accepted attempts and takes away what an overwrite replaces, or nothing happens at all.
 */
export class FileCommit {
  readonly #fileSystem: FileSystem;
  readonly #plan: LogicalPlan;
  readonly #target: WriteTarget;
  readonly #root: string;
  readonly #id: string;
  readonly #batch: StreamBatch | undefined;
  readonly #compression: string;
  readonly #existed: boolean;

  private constructor(
    fileSystem: FileSystem,
    plan: LogicalPlan,
    target: WriteTarget,
    place: {
      readonly root: string;
      readonly compression: string;
      readonly existed: boolean;
      readonly batch: StreamBatch | undefined;
    },
  ) {
    this.#batch = place.batch;
    this.#id =
      place.batch === undefined
        ? randomUUID()
        : `${place.batch.queryId}-${place.batch.batchId}-${place.batch.epoch}`;
    this.#fileSystem = fileSystem;
    this.#plan = plan;
    this.#target = target;
    this.#root = place.root;
    this.#compression = place.compression;
    this.#existed = place.existed;
  }

  /** Undefined when nothing is to be done (`ignore`). Errors: FILE_EXISTS, UNSUPPORTED, ANALYSIS, INVALID_PATH. */
  static async prepare(
    fileSystem: FileSystem,
    plan: LogicalPlan,
    target: WriteTarget,
    batch?: StreamBatch,
  ): Promise<FileCommit | undefined> {
    checkTarget(plan, target);
    const compression = compressionOf(target);
    const found = await existing(fileSystem, target.path);
    if (found !== undefined) {
      if (target.mode === 'ignore') return undefined;
      if (target.mode === 'errorifexists') {
        throw new QuarryError(
          'FILE_EXISTS',
          `[PATH_ALREADY_EXISTS] Path ${target.path} already exists. Set mode as "overwrite" to overwrite the existing path.`,
          { details: { errorClass: 'PATH_ALREADY_EXISTS', sqlState: '42K04', path: target.path } },
        );
      }
      if (!found.directory && target.mode === 'append') {
        throw new QuarryError('NOT_A_DIRECTORY', `${target.path} is a file: append takes a directory`, {
          details: { path: target.path },
        });
      }
    }
    const root = found?.path ?? withoutAuthority(target.path);
    return new FileCommit(fileSystem, plan, target, {
      root,
      compression,
      existed: found?.directory === true,
      batch,
    });
  }

  /** Whether the directory has the batch already, whichever run has put it there. */
  async isPublished(): Promise<boolean> {
    return this.#batch !== undefined && (await this.#fileSystem.exists(this.#marker(this.#batch)));
  }

  /** A marker that old stands for no batch that could be run again. */
  async forgetBatches(kept: number): Promise<void> {
    const old = this.#batch === undefined ? -1 : this.#batch.batchId - kept;
    if (old >= 0) await this.#fileSystem.delete(this.#marker({ ...this.#batch!, batchId: old }));
  }

  /** The fragment's rows under their final names. */
  query(fragment: string): string {
    const columns = this.#plan.output.map(({ id, name }) => `${columnName(id)} AS ${quoteIdentifier(name)}`);
    return `SELECT ${columns.join(', ')} FROM (${fragment}) AS t`;
  }

  taskOutput(partition: number, blockSizeBytes: number): FileOutputInput {
    return {
      directory: `${this.#root}/${TEMPORARY}/${this.#id}`,
      fileStem: `part-${String(partition).padStart(5, '0')}-${this.#id}-c000`,
      compression: this.#compression,
      partitionBy: this.#target.partitionBy.map((name) => this.#columnNamed(name)),
      blockSizeBytes: Number.isFinite(blockSizeBytes) ? blockSizeBytes : 0,
      emptyFile: this.#batch === undefined && partition === 0 && this.#target.partitionBy.length === 0,
    };
  }

  /** `results` are what the accepted attempts answered. Errors: FILE_EXISTS. */
  async publish(results: readonly unknown[]): Promise<WriteSummary> {
    const files = results.flatMap((result) => (result as FileOutputSummary | null)?.files ?? []);
    const temporary = `${this.#root}/${TEMPORARY}/${this.#id}`;
    const marker = `${temporary}/${SUCCESS}`;
    // The marker of a batch is there already when another attempt has published it: then nothing of this one is moved.
    const markerTarget = this.#batch === undefined ? `${this.#root}/${SUCCESS}` : this.#marker(this.#batch);
    await this.#fileSystem.writeFile(marker, '');
    await this.#fileSystem.publish({
      detach: this.#batch === undefined ? await this.#replaced() : [],
      moves: [
        ...files.map((file) => ({ source: file.path, target: `${this.#root}/${file.relativePath}` })),
        { source: marker, target: markerTarget },
      ],
      cleanup: temporary,
    });
    await this.#tidy();
    return {
      files: files.length,
      rowCount: files.reduce((sum, file) => sum + file.rowCount, 0),
      lengthBytes: files.reduce((sum, file) => sum + file.lengthBytes, 0),
    };
  }

  /** Takes away whatever the attempts have written. */
  async abandon(): Promise<void> {
    await this.#fileSystem.delete(`${this.#root}/${TEMPORARY}/${this.#id}`, { recursive: true });
    await this.#tidy();
    if (!this.#existed) await this.#deleteIfEmpty(this.#root);
  }

  async #replaced(): Promise<string[]> {
    if (this.#target.mode !== 'overwrite' || !this.#existed) return [`${this.#root}/${SUCCESS}`];
    const replaced: string[] = [];
    for await (const entry of this.#fileSystem.list(this.#root)) {
      if (entry.path !== `${this.#root}/${TEMPORARY}`) replaced.push(entry.path);
    }
    return replaced;
  }

  #marker({ queryId, batchId }: StreamBatch): string {
    return `${this.#root}/${STREAMS}/${queryId}/${batchId}`;
  }

  /** Another job may be writing beside this one: its directory stays. */
  async #tidy(): Promise<void> {
    await this.#deleteIfEmpty(`${this.#root}/${TEMPORARY}`);
  }

  async #deleteIfEmpty(path: string): Promise<void> {
    try {
      await this.#fileSystem.delete(path);
    } catch (thrown) {
      if (!hasCode(thrown, 'DIRECTORY_NOT_EMPTY', 'FILE_NOT_FOUND')) throw thrown;
    }
  }

  #columnNamed(name: string): string {
    const column = this.#plan.output.find((each) => each.name.toLowerCase() === name.toLowerCase());
    return column?.name ?? name;
  }
}

function checkTarget(plan: LogicalPlan, target: WriteTarget): void {
  if (/^file:/i.test(target.path)) {
    throw new QuarryError(
      'UNSUPPORTED',
      `${target.path}: jobs write to the cluster; copy it out with quarry fs get`,
    );
  }
  const names = plan.output.map(({ name }) => name.toLowerCase());
  const twice = plan.output.find(({ name }, index) => names.indexOf(name.toLowerCase()) !== index);
  if (twice !== undefined) {
    throw new QuarryError(
      'ANALYSIS',
      `[COLUMN_ALREADY_EXISTS] The column \`${twice.name}\` already exists. Choose another name or rename the existing column.`,
      { details: { errorClass: 'COLUMN_ALREADY_EXISTS', sqlState: '42711' } },
    );
  }
  for (const { name, type } of plan.output) {
    if (type.kind === 'null' || type.kind.endsWith('interval')) {
      throw new QuarryError(
        'ANALYSIS',
        `[UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE] The Parquet datasource doesn't support the column \`${name}\` of the type "${type.kind}".`,
        { details: { errorClass: 'UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE', sqlState: '0A000' } },
      );
    }
  }
  const missing = target.partitionBy.find((name) => !names.includes(name.toLowerCase()));
  if (missing !== undefined) {
    throw new QuarryError('ANALYSIS', `partition column ${missing} is not among ${names.join(', ')}`, {
      details: { errorClass: 'COLUMN_NOT_FOUND' },
    });
  }
  if (target.partitionBy.length > 0 && target.partitionBy.length >= plan.output.length) {
    throw new QuarryError(
      'ANALYSIS',
      '[ALL_PARTITION_COLUMNS_NOT_ALLOWED] Cannot use all columns for partition columns.',
      {
        details: { errorClass: 'ALL_PARTITION_COLUMNS_NOT_ALLOWED' },
      },
    );
  }
}

function compressionOf(target: WriteTarget): string {
  const asked = (target.options['compression'] ?? 'snappy').toLowerCase();
  const compression = asked === 'none' ? 'uncompressed' : asked;
  if (COMPRESSIONS.includes(compression)) return compression;
  throw new QuarryError('INVALID_ARGUMENT', `compression ${asked} is not one of ${COMPRESSIONS.join(', ')}`);
}

async function existing(fileSystem: FileSystem, path: string) {
  try {
    return await fileSystem.stat(path);
  } catch (thrown) {
    if (hasCode(thrown, 'FILE_NOT_FOUND')) return undefined;
    throw thrown;
  }
}

/** `stat` has accepted the authority already. */
function withoutAuthority(path: string): string {
  const rest = path.replace(/^[a-z]+:\/\/[^/]*/i, '');
  return rest.replace(/\/+$/, '') || '/';
}
