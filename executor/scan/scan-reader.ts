import { fileURLToPath } from 'node:url';
import { QuarryError } from '../../common/quarry-error.ts';
import type { ScanSource } from '../../proto/gen/quarry/ScanSource.ts';
import type { ScanSplit } from '../../proto/gen/quarry/ScanSplit.ts';
import type { BlockCache, FileVersion, RangeSource } from '../cache/block-cache.ts';
import {
  columnRanges,
  type ParquetFooter,
  readLocalFooter,
  readParquetFooter,
} from '../../common/parquet/parquet-footer.ts';
import type { TaskCounters } from '../task/task-runner.ts';
import { renderScan, type LocalSplit } from './render-scan.ts';

const FOOTERS_MAX = 4_000;
const SPLITS_AT_ONCE = 8;

export interface OpenScan {
  /** What stands in FROM. */
  readonly sql: string;
  readonly rowsRead: number;
  close(): void;
}

interface OpenSplit {
  readonly local: LocalSplit;
  readonly rowCount: number;
  readonly unpin: () => void;
}

/** Makes the splits of a scan readable for the kernel: their bytes in the block cache, pinned, and SQL over them. */
export class ScanReader {
  readonly #cache: BlockCache;
  readonly #source: RangeSource;
  readonly #node: string;
  readonly #footers = new Map<string, Promise<ParquetFooter>>();

  constructor(cache: BlockCache, source: RangeSource, node: string) {
    this.#cache = cache;
    this.#source = source;
    this.#node = node;
  }

  /** Errors: FILE_NOT_FOUND, BLOCK_UNAVAILABLE, BAD_DATA with the file's name, INTERRUPTED. */
  async open(scan: ScanSource, counters: TaskCounters, signal: AbortSignal): Promise<OpenScan> {
    const columns = new Set(scan.columns.map((column) => column.name.toLowerCase()));
    const unpins: (() => void)[] = [];
    const close = () => {
      for (const unpin of unpins.splice(0)) unpin();
    };
    const local: LocalSplit[] = [];
    let next = 0;
    let rowsRead = 0;
    const worker = async () => {
      while (next < scan.splits.length) {
        const index = next++;
        const split = scan.splits[index]!;
        const opened = await this.#openSplit(split, columns, counters, signal);
        unpins.push(opened.unpin);
        local[index] = opened.local;
        rowsRead += opened.rowCount;
      }
    };
    const settled = await Promise.allSettled(
      Array.from({ length: Math.min(SPLITS_AT_ONCE, scan.splits.length) }, worker),
    );
    const failed = settled.find((outcome) => outcome.status === 'rejected');
    if (failed !== undefined) {
      close();
      throw failed.reason;
    }
    counters.rowsRead += rowsRead;
    return { sql: renderScan(scan, local), rowsRead, close };
  }

  async #openSplit(
    split: ScanSplit,
    columns: ReadonlySet<string>,
    counters: TaskCounters,
    signal: AbortSignal,
  ): Promise<OpenSplit> {
    if (split.path.startsWith('file:')) return this.#openLocalFile(split, counters);
    const footer = await this.#footer(split, signal);
    const names = new Set(topLevelNames(footer).filter((name) => columns.has(name.toLowerCase())));
    const rowGroups = split.rowGroups.length === 0 ? undefined : split.rowGroups;
    const ranges = columnRanges(footer, rowGroups, names);
    const { path, report, unpin } = await this.#cache.acquire(split, footer, { rowGroups, ranges }, signal);
    for (const [node, bytes] of report.bytesByNode) {
      if (node === this.#node) counters.localBytes += bytes;
      else counters.remoteBytes += bytes;
      counters.readNodes.add(node);
    }
    counters.cachedBytes += report.cachedBytes;
    return { local: { path, name: split.path, footer }, unpin, rowCount: rowCount(footer, rowGroups) };
  }

  /** A file of this host needs no copy; it counts as local. */
  async #openLocalFile(split: ScanSplit, counters: TaskCounters): Promise<OpenSplit> {
    const path = fileURLToPath(split.path);
    const footer = await localFooter(path);
    counters.localBytes += footer.fileLengthBytes;
    const local = { path, name: split.path, footer };
    return { local, unpin: () => undefined, rowCount: rowCount(footer, undefined) };
  }

  #footer(file: FileVersion, signal: AbortSignal): Promise<ParquetFooter> {
    const key = `${file.inodeId}-${file.generation}-${file.lengthBytes}`;
    const known = this.#footers.get(key);
    if (known !== undefined) {
      this.#footers.delete(key);
      this.#footers.set(key, known);
      return known;
    }
    const footer = readParquetFooter(file.path, file.lengthBytes, async (range) => {
      const pieces: Buffer[] = [];
      await this.#source.read(file, range, signal, async (data) => {
        pieces.push(data);
      });
      return Buffer.concat(pieces);
    });
    this.#footers.set(key, footer);
    footer.catch(() => this.#footers.delete(key));
    for (const oldest of this.#footers.keys()) {
      if (this.#footers.size <= FOOTERS_MAX) break;
      this.#footers.delete(oldest);
    }
    return footer;
  }
}

async function localFooter(path: string): Promise<ParquetFooter> {
  try {
    return await readLocalFooter(path);
  } catch (cause) {
    if (cause instanceof QuarryError) throw cause;
    throw new QuarryError('FILE_NOT_FOUND', `no such file on the executor's host: ${path}`, {
      cause,
      details: { path },
    });
  }
}

function topLevelNames(footer: ParquetFooter): string[] {
  return [
    ...new Set(
      footer.metadata.row_groups.flatMap((group) =>
        group.columns.map((column) => column.meta_data?.path_in_schema[0] ?? ''),
      ),
    ),
  ];
}

function rowCount(footer: ParquetFooter, rowGroups: readonly number[] | undefined): number {
  const groups = footer.metadata.row_groups;
  const chosen = rowGroups ?? groups.map((_, index) => index);
  return chosen.reduce((sum, index) => sum + Number(groups[index]?.num_rows ?? 0), 0);
}
