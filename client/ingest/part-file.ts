import { rename } from 'node:fs/promises';
import { QuarryError } from '../../common/quarry-error.ts';
import { type Extent, MAGIC_BYTES, planBlocks, type RowGroup, rowGroupsOf } from './block-plan.ts';
import { type Kernel, literal } from './kernel.ts';

/** A local Parquet file that is ready to be uploaded. */
export interface PartFile {
  readonly localPath: string;
  readonly lengthBytes: number;
  readonly rowCount: number;
  readonly blocks: readonly Extent[];
}

export interface PartOptions {
  readonly blockSizeBytes: number;
  readonly rowGroupBytes: number;
}

/** DuckDB cuts row groups at whole vectors. */
const VECTOR_ROWS = 2_048;
/** DuckDB's default: large enough to compress well, small enough to be a unit of parallel work. */
const ROW_GROUP_ROWS_MAX = 122_880;
const ROUNDS_MAX = 8;

/**
 * Writes the result of queries as Parquet whose row groups are bounded in bytes. How many rows that is shows only once they
 * are encoded: a file with too large ones is written again with fewer rows each, and later files start from there.
 */
export class PartFileWriter {
  readonly #kernel: Kernel;
  readonly #options: PartOptions;
  #rows = ROW_GROUP_ROWS_MAX;

  constructor(kernel: Kernel, options: PartOptions) {
    this.#kernel = kernel;
    this.#options = options;
  }

  /** Errors: BAD_DATA, INVALID_ARGUMENT when even the smallest row group is larger than a block. */
  async write(sql: string, localPath: string): Promise<PartFile> {
    await this.#copy(sql, localPath);
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const { rowGroups, lengthBytes } = await rowGroupsOf(localPath);
      const rows = this.#rowsThatFit(rowGroups);
      if (rows === undefined) {
        return {
          localPath,
          lengthBytes,
          rowCount: rowGroups.reduce((sum, group) => sum + group.rowCount, 0),
          blocks: planBlocks(rowGroups, lengthBytes, this.#options.blockSizeBytes),
        };
      }
      this.#rows = rows;
      // Its own output is the cheaper source: parsed, cast and in order.
      await this.#copy(`SELECT * FROM read_parquet(${literal(localPath)})`, `${localPath}.again`);
      await rename(`${localPath}.again`, localPath);
    }
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `no row group of ${localPath} gets as small as ${this.#options.rowGroupBytes} bytes: give a larger --row-group-bytes`,
    );
  }

  #copy(sql: string, localPath: string): Promise<void> {
    // Bloom filters would lie behind all row groups, away from the blocks that they are about.
    return this.#kernel.run(
      `COPY (${sql}) TO ${literal(localPath)} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE ${this.#rows}, WRITE_BLOOM_FILTER false)`,
    );
  }

  /** Undefined when every row group fits already, or cannot be made smaller. */
  #rowsThatFit(rowGroups: readonly RowGroup[]): number | undefined {
    const limit = Math.min(this.#options.rowGroupBytes, this.#options.blockSizeBytes - MAGIC_BYTES);
    const sizes = rowGroups.map((group) => group.endBytes - group.startBytes);
    const largest = Math.max(0, ...sizes);
    if (largest <= limit) return undefined;
    const group = rowGroups[sizes.indexOf(largest)];
    const rowCount = Math.min(this.#rows, group?.rowCount ?? this.#rows);
    if (rowCount <= VECTOR_ROWS) return undefined;
    // A tenth less than in proportion: dictionaries do not shrink with the rows.
    const vectors = Math.floor((rowCount * (limit / largest) * 0.9) / VECTOR_ROWS);
    return Math.max(1, vectors) * VECTOR_ROWS;
  }
}
