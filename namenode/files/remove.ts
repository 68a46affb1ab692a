import { blockIds, segmentCount } from '../namespace/block-list.ts';
import { type Entry, unlink } from '../namespace/inode-tree.ts';
import { blockKey, detachedKey, inodeKey, leaseKey, parentKey, segmentKey } from '../namespace/keys.ts';
import {
  BLOCKS,
  DETACHED,
  type FileInode,
  INODES,
  type Inode,
  LEASES,
  PARENTS,
  SEGMENTS,
} from '../namespace/records.ts';
import type { Transaction } from '../namespace/transaction.ts';
import type { State } from '../state.ts';

/** A file with more blocks than that is reaped in steps, so that one deletion stays one short command. */
const BLOCKS_AT_ONCE = 64;
export const REAP_STEP = 1_000;

/** Takes an entry out of the tree with all its content. A directory is detached in one step, whatever its size, and reaped later. */
export function removeEntry(state: State, tx: Transaction, parent: Pick<Entry, 'key'>, entry: Entry): void {
  unlink(tx, parent, entry);
  discard(state, tx, entry.inode);
}

/** The inode has no entry any more. */
function discard(state: State, tx: Transaction, inode: Inode): void {
  const { id } = inode;
  tx.delete(PARENTS, parentKey(id));
  countDown(tx, inode);
  if (inode.kind === 'file') {
    if (inode.underConstruction) {
      tx.delete(LEASES, leaseKey(id));
      tx.afterward(() => state.leases.release(id));
    }
    if (inode.blockCount <= BLOCKS_AT_ONCE) {
      removeBlocks(state, tx, inode, blockIds(tx, inode));
      return;
    }
  } else if (inode.childrenCount === 0) return;
  tx.put(DETACHED, detachedKey(id), inode);
  tx.afterward(() => state.detached.add(id));
}

/** One step of reaping: children of a detached directory, by name, or the last blocks of a detached file. */
export function reap(state: State, tx: Transaction, inodeId: number, names: readonly string[]): boolean {
  const key = detachedKey(inodeId);
  const inode = tx.get(DETACHED, key);
  if (inode === undefined) {
    state.detached.delete(inodeId);
    return false;
  }
  if (inode.kind === 'file') return reapFile(state, tx, inode);
  for (const name of names) {
    const childKey = inodeKey(inodeId, name);
    const child = tx.get(INODES, childKey);
    if (child === undefined) continue;
    tx.delete(INODES, childKey);
    discard(state, tx, child);
  }
  if (names.length > 0) return true;
  tx.delete(DETACHED, key);
  state.detached.delete(inodeId);
  return false;
}

function reapFile(state: State, tx: Transaction, inode: FileInode): boolean {
  const key = detachedKey(inode.id);
  const ids = blockIds(tx, inode);
  // A detached file keeps the blocks that are left in its record alone.
  const left = ids.slice(0, -REAP_STEP);
  removeBlocks(state, tx, { ...inode, blockCount: inode.blocks.length }, ids.slice(-REAP_STEP));
  for (let segment = 0; segment < segmentCount(inode.blockCount); segment++) {
    tx.delete(SEGMENTS, segmentKey(inode.id, segment));
  }
  if (left.length > 0) {
    tx.put(DETACHED, key, { ...inode, blockCount: left.length, blocks: left });
    return true;
  }
  tx.delete(DETACHED, key);
  state.detached.delete(inode.id);
  return false;
}

/** Forgets blocks and has every node that may hold one delete it: ordered only when this is durable. */
export function removeBlocks(state: State, tx: Transaction, inode: FileInode, ids: readonly number[]): void {
  // No stamp handed out so far can make a replica of a deleted block newer than its deletion.
  const stamp = tx.counters.nextStamp;
  for (const id of ids) {
    tx.delete(BLOCKS, blockKey(id));
    const holders = holdersOf(state, id);
    if (holders.length > 0) state.deletions.add(tx, id, stamp, holders);
    tx.afterward(() => {
      state.blocks.remove(id);
      state.construction.close(id);
      state.stragglers.forgetBlock(id);
      state.copies.forgetBlock(id);
      state.queue.put(id, undefined);
      for (const nodeId of holders) state.nodes.byId(nodeId)?.invalidations.set(id, stamp);
    });
  }
  for (let segment = 0; segment < segmentCount(inode.blockCount); segment++) {
    tx.delete(SEGMENTS, segmentKey(inode.id, segment));
  }
}

function holdersOf(state: State, id: number): string[] {
  const row = state.blocks.row(id);
  const replicas =
    row < 0 ? [] : state.blocks.replicas(row).map((replica) => state.nodes.at(replica.node).id);
  const stragglers = [...(state.stragglers.of(id)?.keys() ?? [])].map((node) => state.nodes.at(node).id);
  return [
    ...new Set([
      ...replicas,
      ...stragglers,
      ...state.construction.holders(id),
      ...state.copies.targetsOf(id),
    ]),
  ];
}

function countDown(tx: Transaction, inode: Inode): void {
  const { files, directories } = tx.counters;
  tx.count(inode.kind === 'file' ? { files: files - 1 } : { directories: directories - 1 });
}
