import type { FileStatusInput } from '../../proto/gen/quarry/FileStatus.ts';
import type { LocatedBlockInput } from '../../proto/gen/quarry/LocatedBlock.ts';
import { CORRUPT, INVALIDATED, isGood } from '../blocks/block-map.ts';
import type { BlockRecord, Inode } from '../namespace/records.ts';
import { type Datanode, isHealthy, labelOf } from '../nodes/datanode-table.ts';
import type { State } from '../state.ts';

/** `path` is absolute, or the name alone in a listing. */
export function fileStatus(inode: Inode, path: string): FileStatusInput {
  const file = inode.kind === 'file' ? inode : undefined;
  return {
    inodeId: inode.id,
    path,
    directory: file === undefined,
    lengthBytes: file?.lengthBytes ?? 0,
    replication: file?.replication ?? 0,
    blockSizeBytes: file?.blockSizeBytes ?? 0,
    modifiedMs: inode.modifiedMs,
    accessedMs: inode.accessedMs,
    owner: inode.owner,
    group: inode.group,
    mode: inode.mode,
    childrenCount: inode.kind === 'directory' ? inode.childrenCount : 0,
    underConstruction: file?.underConstruction ?? false,
    generation: file?.generation ?? 0,
  };
}

/** A block as a reader gets it: where to read it, the caller's own node first, then healthy ones, stale ones last. */
export function locatedBlock(
  state: State,
  block: BlockRecord,
  offsetBytes: number,
  hostLabel: string,
): LocatedBlockInput {
  const nodes = block.committed ? committedHolders(state, block) : openHolders(state, block);
  return {
    block: { blockId: block.id, generationStamp: block.stamp, lengthBytes: block.lengthBytes },
    offsetBytes,
    locations: inReadOrder(nodes.holders, hostLabel, block.id).map((node) => node.info),
    corrupt: nodes.corrupt,
    complete: block.committed,
  };
}

function committedHolders(state: State, block: BlockRecord): { holders: Datanode[]; corrupt: boolean } {
  const row = state.blocks.row(block.id);
  const replicas =
    row < 0 ? [] : state.blocks.replicas(row).filter(({ flags }) => (flags & INVALIDATED) === 0);
  const good = replicas.filter(isGood);
  const corrupt = good.length === 0 && replicas.some(({ flags }) => flags & CORRUPT);
  return { holders: (corrupt ? replicas : good).map(({ node }) => state.nodes.at(node)), corrupt };
}

function openHolders(state: State, block: BlockRecord): { holders: Datanode[]; corrupt: boolean } {
  const open = state.construction.get(block.id);
  if (open === undefined) return { holders: [], corrupt: false };
  const reporting = [...open.reported]
    .filter(([, replica]) => replica.stamp >= block.stamp)
    .map(([id]) => id);
  const ids = new Set([...open.expected, ...reporting]);
  return { holders: [...ids].flatMap((id) => state.nodes.byId(id) ?? []), corrupt: false };
}

/** Equals are rotated by block id, so that readers of many blocks spread over the nodes. */
function inReadOrder(nodes: readonly Datanode[], hostLabel: string, blockId: number): Datanode[] {
  const live = nodes.filter((node) => node.session !== 0 && node.state !== 'dead');
  const start = live.length === 0 ? 0 : blockId % live.length;
  const rotated = [...live.slice(start), ...live.slice(0, start)];
  const rank = (node: Datanode) => {
    if (!isHealthy(node)) return 2;
    return hostLabel !== '' && labelOf(node) === hostLabel ? 0 : 1;
  };
  return rotated.toSorted((a, b) => rank(a) - rank(b));
}
