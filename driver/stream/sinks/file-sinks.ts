import type { FileSystem } from '../../../client/fs/file-system.ts';
import { hasCode, QuarryError } from '../../../common/quarry-error.ts';
import type { FileSummary } from './file-summary.ts';
import type { Attribute } from '../../plan/expression.ts';
import type { LogicalPlan, ScanFile } from '../../plan/logical-plan.ts';
import { BATCHES_KEPT } from '../checkpoint/checkpoint.ts';
import { FileCommit } from '../../stages/file-commit.ts';
import type { StreamSpec } from '../streaming-query.ts';
import type { BatchFunction } from './simple-sinks.ts';
import type { BatchRows, SinkBatch, SinkOutput, StreamSink } from './stream-sink.ts';

export interface FileSinkOptions {
  readonly fileSystem: FileSystem;
  readonly spec: Pick<StreamSpec, 'path' | 'options' | 'partitionBy'>;
  /** Its output names the columns. */
  readonly plan: LogicalPlan;
  readonly queryId: string;
}

const ROWS = 'rows-';

/** Entries of a directory, if there is one, whose name begins so. */
async function removeLeft(fileSystem: FileSystem, directory: string, prefix: string): Promise<void> {
  const left: string[] = [];
  try {
    for await (const { path } of fileSystem.list(directory)) {
      if (path.slice(path.lastIndexOf('/') + 1).startsWith(prefix)) left.push(path);
    }
  } catch (thrown) {
    if (!hasCode(thrown, 'FILE_NOT_FOUND')) throw thrown;
  }
  for (const path of left) await fileSystem.delete(path, { recursive: true });
}

function outputOf(commit: FileCommit, label: string): SinkOutput {
  return {
    output: { kind: 'file' },
    label,
    wrap: (fragment) => commit.query(fragment),
    task: (partition) => ({ file: commit.taskOutput(partition, 0) }),
  };
}

/**
 * A directory of Parquet files. A batch's files appear in one step of the namenode together with its marker, or not at all: a
 * reader sees whole batches, and a batch that is written again finds its marker.
 */
export class ParquetSink implements StreamSink {
  readonly description: string;
  readonly #options: FileSinkOptions;
  #commit: FileCommit | undefined;

  constructor(options: FileSinkOptions) {
    this.#options = options;
    this.description = `FileSink[${options.spec.path}]`;
  }

  /** What earlier runs were writing when they ended goes away, and with it their last chance to publish it. Errors: ANALYSIS. */
  async open(): Promise<void> {
    const { fileSystem, spec, queryId, plan } = this.#options;
    const names = new Set(plan.output.map(({ name }) => name.toLowerCase()));
    const missing = spec.partitionBy.find((name) => !names.has(name.toLowerCase()));
    if (missing !== undefined) {
      throw new QuarryError(
        'ANALYSIS',
        `Partition column \`${missing}\` not found in schema: it has ${plan.output.map(({ name }) => name).join(', ')}`,
      );
    }
    await removeLeft(fileSystem, `${spec.path.replace(/\/+$/, '')}/_temporary`, queryId);
  }

  async output({ batchId, epoch }: SinkBatch): Promise<SinkOutput> {
    const { fileSystem, plan, spec, queryId } = this.#options;
    const { path, options, partitionBy } = spec;
    const target = { path, format: 'parquet', mode: 'append', partitionBy, options } as const;
    this.#commit = await FileCommit.prepare(fileSystem, plan, target, { queryId, batchId, epoch });
    return outputOf(this.#commit!, `write ${path}`);
  }

  async add(_batch: SinkBatch, { results }: BatchRows): Promise<number> {
    const commit = this.#commit!;
    if (await commit.isPublished()) {
      await commit.abandon();
      return -1;
    }
    try {
      const { rowCount } = await commit.publish(results);
      await commit.forgetBatches(BATCHES_KEPT);
      return rowCount;
    } catch (thrown) {
      if (!hasCode(thrown, 'FILE_EXISTS') || !(await commit.isPublished())) throw thrown;
      await commit.abandon();
      return -1;
    }
  }

  async abandon(): Promise<void> {
    await this.#commit?.abandon();
  }

  async close(): Promise<void> {
    // What a batch left behind was abandoned with it.
  }
}

export interface ForeachOptions {
  readonly fileSystem: FileSystem;
  readonly columns: readonly Attribute[];
  readonly plan: LogicalPlan;
  /** Where batches are frozen. */
  readonly directory: string;
  readonly take: BatchFunction;
}

/** Freezes each batch in files, so that the function may read it as often as it likes and sees the same rows. */
export class ForeachBatchSink implements StreamSink {
  readonly description = 'ForeachBatchSink';
  readonly #options: ForeachOptions;
  #commit: FileCommit | undefined;
  #directory = '';

  constructor(options: ForeachOptions) {
    this.#options = options;
  }

  async open(): Promise<void> {
    await removeLeft(this.#options.fileSystem, this.#options.directory, ROWS);
  }

  async output({ batchId, epoch }: SinkBatch): Promise<SinkOutput> {
    const { fileSystem, plan, directory } = this.#options;
    this.#directory = `${directory}/${ROWS}${batchId}-${epoch}`;
    const target = {
      path: this.#directory,
      format: 'parquet',
      mode: 'append',
      partitionBy: [],
      options: {},
    } as const;
    this.#commit = await FileCommit.prepare(fileSystem, plan, target);
    return outputOf(this.#commit!, 'freeze the batch');
  }

  async add({ batchId }: SinkBatch, { results }: BatchRows): Promise<number> {
    const { fileSystem, take } = this.#options;
    const written = results.flatMap((result) => (result as FileSummary | null)?.files ?? []);
    const files = await Promise.all(
      written.map(async ({ path }): Promise<ScanFile> => {
        const { inodeId, generation, lengthBytes } = await fileSystem.stat(path);
        return { path, inodeId, generation, lengthBytes, partitionValues: [] };
      }),
    );
    await take(this.#plan(files), batchId);
    await fileSystem.delete(this.#directory, { recursive: true });
    return written.reduce((sum, { rowCount }) => sum + Number(rowCount), 0);
  }

  async abandon(): Promise<void> {
    await this.#options.fileSystem.delete(this.#directory, { recursive: true });
  }

  async close(): Promise<void> {
    // What a batch left behind was abandoned with it.
  }

  #plan(files: readonly ScanFile[]): LogicalPlan {
    const { columns } = this.#options;
    const fields = columns.map(({ name, type, nullable }) => ({ name, type, nullable }));
    return {
      kind: 'scan',
      output: columns,
      format: 'parquet',
      files,
      partitionColumnCount: 0,
      fileSchema: { kind: 'struct', fields },
    };
  }
}
