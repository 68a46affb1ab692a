import type { FileSystem } from '../../client/fs/file-system.ts';
import type { LocatedBlock } from '../../proto/gen/quarry/LocatedBlock.ts';
import type { Clock } from '../../common/seams/clock.ts';
import { rowGroupRange } from '../../common/parquet/parquet-footer.ts';
import type { ScanFile } from '../plan/logical-plan.ts';
import type { FileIndex } from './file-index.ts';

/** Part of a file that is read together: all of it, or the row groups that begin in one block. */
export interface Split {
  readonly file: ScanFile;
  /** Empty: all. */
  readonly rowGroups: readonly number[];
  readonly lengthBytes: number;
  /** Host labels of nodes that hold it. */
  readonly nodes: readonly string[];
}

/** What one task reads. */
export interface SplitGroup {
  readonly splits: readonly Split[];
  readonly lengthBytes: number;
  /** Nodes that hold the most of it, the best first. */
  readonly preferredNodes: readonly string[];
}

const MiB = 1024 * 1024;
const GROUP_BYTES_MIN = MiB;
const GROUP_BYTES_MAX = 128 * MiB;
/** A few tasks a slot even out what one slow task would cost. */
const GROUPS_PER_SLOT = 2;
const LOCATIONS_KEPT_MS = 10_000;
const LOCATIONS_MAX = 20_000;
const CALLS_AT_ONCE = 32;

/** Cuts scans at block boundaries and deals the pieces to the nodes that hold them. */
export class SplitPlanner {
  readonly #fileSystem: FileSystem;
  readonly #files: FileIndex;
  readonly #clock: Clock;
  readonly #blocks = new Map<
    string,
    { readonly atMs: number; readonly blocks: Promise<readonly LocatedBlock[]> }
  >();

  constructor(fileSystem: FileSystem, files: FileIndex, clock: Clock) {
    this.#fileSystem = fileSystem;
    this.#files = files;
    this.#clock = clock;
  }

  /** The files as one group: for a query that runs as one task. `filesMax` bounds how many are asked for their place. */
  async together(files: readonly ScanFile[], filesMax = 32): Promise<SplitGroup> {
    const largest = new Set(files.toSorted((a, b) => b.lengthBytes - a.lengthBytes).slice(0, filesMax));
    const splits = await inParallel(files, async (file) => {
      const nodes = largest.has(file) ? await this.#nodesOf(file) : [];
      return { file, rowGroups: [], lengthBytes: file.lengthBytes, nodes };
    });
    return groupOf(splits);
  }

  /** At least as many groups as `slots` can work on at once, where the blocks allow it. */
  async groups(files: readonly ScanFile[], slots: number): Promise<SplitGroup[]> {
    const splits = (await inParallel(files, (file) => this.#splits(file))).flat();
    const totalBytes = splits.reduce((sum, split) => sum + split.lengthBytes, 0);
    const targetBytes = Math.min(
      GROUP_BYTES_MAX,
      Math.max(GROUP_BYTES_MIN, totalBytes / Math.max(1, slots * GROUPS_PER_SLOT)),
    );
    return deal(splits).flatMap((share) => pack(share, targetBytes));
  }

  async #splits(file: ScanFile): Promise<Split[]> {
    const blocks = await this.#blocksOf(file);
    const whole = { file, rowGroups: [], lengthBytes: file.lengthBytes, nodes: nodesOfBlock(blocks[0]) };
    if (blocks.length <= 1) return [whole];
    const { metadata } = await this.#files.footer(file);
    const byBlock = new Map<LocatedBlock, { rowGroups: number[]; lengthBytes: number }>();
    metadata.row_groups.forEach((group, index) => {
      const range = rowGroupRange(group);
      const block = blockAt(blocks, range.startBytes);
      const part = byBlock.get(block) ?? { rowGroups: [], lengthBytes: 0 };
      part.rowGroups.push(index);
      part.lengthBytes += range.endBytes - range.startBytes;
      byBlock.set(block, part);
    });
    if (byBlock.size <= 1) return [whole];
    return [...byBlock].map(([block, part]) => ({ file, ...part, nodes: nodesOfBlock(block) }));
  }

  async #nodesOf(file: ScanFile): Promise<readonly string[]> {
    const bytes = new Map<string, number>();
    for (const block of await this.#blocksOf(file)) {
      for (const node of nodesOfBlock(block)) {
        bytes.set(node, (bytes.get(node) ?? 0) + (block.block?.lengthBytes ?? 0));
      }
    }
    return [...bytes].toSorted((a, b) => b[1] - a[1]).map(([node]) => node);
  }

  #blocksOf(file: ScanFile): Promise<readonly LocatedBlock[]> {
    if (file.path.startsWith('file:')) return Promise.resolve([]);
    const key = `${file.inodeId}-${file.generation}-${file.lengthBytes}`;
    const nowMs = this.#clock.monoMs();
    const known = this.#blocks.get(key);
    if (known !== undefined && nowMs - known.atMs < LOCATIONS_KEPT_MS) return known.blocks;
    const blocks = this.#fileSystem.blockLocations(file.path);
    this.#blocks.delete(key);
    this.#blocks.set(key, { atMs: nowMs, blocks });
    blocks.catch(() => this.#blocks.delete(key));
    for (const oldest of this.#blocks.keys()) {
      if (this.#blocks.size <= LOCATIONS_MAX) break;
      this.#blocks.delete(oldest);
    }
    return blocks;
  }
}

/** Each split to a node that holds it and has least so far. Splits that no node holds are a share of their own. */
function deal(splits: readonly Split[]): Split[][] {
  const shares = new Map<string, { splits: Split[]; lengthBytes: number }>();
  for (const split of splits) {
    for (const node of split.nodes) if (!shares.has(node)) shares.set(node, { splits: [], lengthBytes: 0 });
  }
  const homeless: Split[] = [];
  for (const split of splits) {
    const [share] = split.nodes
      .map((node) => shares.get(node)!)
      .toSorted((a, b) => a.lengthBytes - b.lengthBytes);
    if (share === undefined) homeless.push(split);
    else {
      share.splits.push(split);
      share.lengthBytes += split.lengthBytes;
    }
  }
  return [...[...shares.values()].map((share) => share.splits), homeless].filter((share) => share.length > 0);
}

function pack(share: readonly Split[], targetBytes: number): SplitGroup[] {
  const groups: Split[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const split of share) {
    // Half over the target is nearer to it than half under.
    if (bytes + split.lengthBytes / 2 > targetBytes) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)!.push(split);
    bytes += split.lengthBytes;
  }
  return groups.map(groupOf);
}

function groupOf(splits: readonly Split[]): SplitGroup {
  const bytes = new Map<string, number>();
  for (const split of splits) {
    for (const node of split.nodes) bytes.set(node, (bytes.get(node) ?? 0) + split.lengthBytes);
  }
  const most = Math.max(0, ...bytes.values());
  return {
    splits,
    lengthBytes: splits.reduce((sum, split) => sum + split.lengthBytes, 0),
    preferredNodes: [...bytes].filter(([, held]) => held === most).map(([node]) => node),
  };
}

function blockAt(blocks: readonly LocatedBlock[], offsetBytes: number): LocatedBlock {
  return blocks.findLast((block) => block.offsetBytes <= offsetBytes) ?? blocks[0]!;
}

function nodesOfBlock(block: LocatedBlock | undefined): string[] {
  return block?.locations.map((location) => location.hostLabel) ?? [];
}

async function inParallel<In, Out>(items: readonly In[], work: (item: In) => Promise<Out>): Promise<Out[]> {
  const results: Out[] = [];
  for (let at = 0; at < items.length; at += CALLS_AT_ONCE) {
    results.push(...(await Promise.all(items.slice(at, at + CALLS_AT_ONCE).map(work))));
  }
  return results;
}
