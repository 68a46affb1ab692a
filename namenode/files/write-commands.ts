import { QuarryError } from '../../common/quarry-error.ts';
import type { AbandonBlockRequest } from '../../proto/gen/quarry/AbandonBlockRequest.ts';
import type { AddBlockRequest } from '../../proto/gen/quarry/AddBlockRequest.ts';
import type { BoolReplyInput } from '../../proto/gen/quarry/BoolReply.ts';
import type { CompleteReplyInput } from '../../proto/gen/quarry/CompleteReply.ts';
import type { CompleteRequest } from '../../proto/gen/quarry/CompleteRequest.ts';
import type { FsyncRequest } from '../../proto/gen/quarry/FsyncRequest.ts';
import type { LocatedBlockInput } from '../../proto/gen/quarry/LocatedBlock.ts';
import type { RenewLeaseRequest } from '../../proto/gen/quarry/RenewLeaseRequest.ts';
import { blockAt, blockIds, lastBlock, withBlock, withoutLastBlock } from '../namespace/block-list.ts';
import { blockKey } from '../namespace/keys.ts';
import { type BlockRecord, BLOCKS, type FileInode, INODES } from '../namespace/records.ts';
import type { Transaction } from '../namespace/transaction.ts';
import { labelOf } from '../nodes/datanode-table.ts';
import type { State } from '../state.ts';
import { holderOf } from './callers.ts';
import { chooseNodes } from './choose-nodes.ts';
import { closeFile, commitBlock } from './commit-block.ts';
import { checkStamp, fileById, openBlock, openFile } from './open-file.ts';
import { removeBlocks } from './remove.ts';

/** Commits the previous block and allocates the next. Sent again with the same previous block it answers the same block. */
export function addBlock(state: State, tx: Transaction, request: AddBlockRequest): LocatedBlockInput {
  const entry = openFile(state, tx, request.caller, request);
  let { inode } = entry;
  const last = lastBlock(tx, inode);
  if (last !== undefined && isRepeated(tx, inode, request)) {
    return open(state, last, inode.lengthBytes);
  }
  if (request.previous !== null) {
    if (last === undefined || last.id !== request.previous.blockId)
      throw notTheLast(request.previous.blockId);
    inode = commitLast(state, tx, inode, request.previous);
  } else if (last !== undefined) throw notTheLast(0);

  const nodes = chooseNodes(state, {
    count: inode.replication,
    neededBytes: inode.blockSizeBytes,
    hostLabel: request.caller?.hostLabel ?? '',
    excluded: request.excludedNodes,
    taken: [],
  });
  const { nextBlockId, nextStamp } = tx.counters;
  tx.count({ nextBlockId: nextBlockId + 1, nextStamp: nextStamp + 1 });
  const block: BlockRecord = {
    id: nextBlockId,
    inodeId: inode.id,
    stamp: nextStamp,
    lengthBytes: 0,
    committed: false,
    target: inode.replication,
  };
  inode = withBlock(tx, inode, block.id);
  tx.put(INODES, entry.key, inode);
  tx.put(BLOCKS, blockKey(block.id), block);
  tx.afterward(() => {
    state.blocks.put(block);
    state.construction.open(
      block.id,
      inode.id,
      nodes.map((node) => node.id),
    );
    for (const id of request.excludedNodes) suspect(state, id);
  });
  return {
    block: { blockId: block.id, generationStamp: block.stamp, lengthBytes: 0 },
    offsetBytes: inode.lengthBytes,
    locations: nodes.map((node) => node.info),
    corrupt: false,
    complete: false,
  };
}

/** The call was executed before: the file has one block more than the caller knows of, and nothing is in it. */
function isRepeated(tx: Transaction, inode: FileInode, request: AddBlockRequest): boolean {
  const last = lastBlock(tx, inode);
  if (last === undefined || last.committed) return false;
  const before = blockAt(tx, inode, inode.blockCount - 2);
  return (before?.id ?? 0) === (request.previous?.blockId ?? 0);
}

function open(state: State, block: BlockRecord, offsetBytes: number): LocatedBlockInput {
  const expected = state.construction.get(block.id)?.expected ?? [];
  return {
    block: { blockId: block.id, generationStamp: block.stamp, lengthBytes: block.lengthBytes },
    offsetBytes,
    locations: expected.flatMap((id) => state.nodes.byId(id)?.info ?? []),
    corrupt: false,
    complete: false,
  };
}

interface FinalBlock {
  readonly blockId: number;
  readonly generationStamp: number;
  readonly lengthBytes: number;
}

function commitLast(state: State, tx: Transaction, inode: FileInode, final: FinalBlock): FileInode {
  const last = lastBlock(tx, inode);
  if (last === undefined || last.id !== final.blockId) throw notTheLast(final.blockId);
  checkStamp(last, final.generationStamp);
  if (last.committed) {
    if (last.lengthBytes === final.lengthBytes) return inode;
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `block ${last.id} has ${last.lengthBytes} bytes already, not ${final.lengthBytes}`,
    );
  }
  return commitBlock(state, tx, inode, last, final.lengthBytes);
}

/** Gives the last block back, after its pipeline could not be set up. Repeating it is harmless. */
export function abandonBlock(state: State, tx: Transaction, request: AbandonBlockRequest): BoolReplyInput {
  const entry = openFile(state, tx, request.caller, request);
  const last = lastBlock(tx, entry.inode);
  if (last === undefined || last.committed || last.id !== request.block?.blockId) return { value: true };
  tx.put(INODES, entry.key, withoutLastBlock(tx, entry.inode));
  removeBlocks(state, tx, { ...entry.inode, blockCount: 0 }, [last.id]);
  return { value: true };
}

/**
 * Commits the last block and closes the file when each block has enough durable replicas; else answers complete = false with
 * the least number there is, and the caller waits. A file that is closed already, with that last block, is complete.
 */
export function complete(state: State, tx: Transaction, request: CompleteRequest): CompleteReplyInput {
  const closed = fileById(tx, request);
  if (!closed.inode.underConstruction && state.leases.holderOf(closed.inode.id) === undefined) {
    const last = lastBlock(tx, closed.inode);
    if (!isSameBlock(last, request.last)) {
      throw new QuarryError(
        'LEASE_LOST',
        `${request.path} was closed with other content than this: another writer, or a recovery, was faster`,
      );
    }
    return { complete: true, durableReplicas: durableReplicas(state, tx, closed.inode) };
  }
  const entry = openFile(state, tx, request.caller, request);
  let { inode } = entry;
  if (request.last !== null) inode = commitLast(state, tx, inode, request.last);
  else if (inode.blockCount > 0) throw notTheLast(0);
  if (inode !== entry.inode) {
    tx.put(INODES, entry.key, inode);
    tx.settleEffects();
  }
  const durable = durableReplicas(state, tx, inode);
  if (durable < durableWanted(state, inode, request.minDurable))
    return { complete: false, durableReplicas: durable };
  closeFile(state, tx, entry, inode);
  return { complete: true, durableReplicas: durable };
}

function isSameBlock(block: BlockRecord | undefined, final: FinalBlock | null): boolean {
  if (block === undefined || final === null) return block === undefined && final === null;
  return (
    block.id === final.blockId &&
    block.stamp === final.generationStamp &&
    block.lengthBytes === final.lengthBytes
  );
}

/** min(replication, 2), or as many nodes as the cluster has ever had when that is one. */
function durableWanted(state: State, inode: FileInode, minDurable: number): number {
  if (minDurable > 0) return minDurable;
  const labels = new Set(state.nodes.all.map(labelOf));
  return Math.min(inode.replication, 2, Math.max(1, labels.size));
}

/** The least over the blocks; an empty file has nothing to lose. */
function durableReplicas(state: State, tx: Transaction, inode: FileInode): number {
  let least = inode.replication;
  for (const id of blockIds(tx, inode)) {
    const row = state.blocks.row(id);
    least = Math.min(least, row < 0 ? 0 : state.blocks.durableCount(row));
  }
  return least;
}

/** The writer has synced the file so far: a recovery never cuts the last block below that. */
export function fsync(state: State, tx: Transaction, request: FsyncRequest): BoolReplyInput {
  const entry = openFile(state, tx, request.caller, request);
  const last = lastBlock(tx, entry.inode);
  if (last === undefined || last.committed || request.lastBlockLengthBytes <= last.lengthBytes)
    return { value: true };
  const block = openBlock(tx, entry, { blockId: last.id, generationStamp: last.stamp });
  if (request.lastBlockLengthBytes > entry.inode.blockSizeBytes) {
    throw new QuarryError('INVALID_ARGUMENT', `a block has at most ${entry.inode.blockSizeBytes} bytes`);
  }
  const synced = { ...block, lengthBytes: request.lastBlockLengthBytes };
  tx.put(BLOCKS, blockKey(block.id), synced);
  tx.afterward(() => state.blocks.put(synced));
  return { value: true };
}

export function renewLease(state: State, tx: Transaction, request: RenewLeaseRequest): BoolReplyInput {
  return { value: state.leases.renew(holderOf(request.caller), tx.time.monoMs) };
}

/** A writer had trouble with the node: nothing new goes there before its next heartbeat. */
export function suspect(state: State, nodeId: string): void {
  const node = state.nodes.byId(nodeId);
  if (node !== undefined) node.suspect = true;
}

function notTheLast(blockId: number): QuarryError {
  return new QuarryError(
    'INVALID_ARGUMENT',
    blockId === 0
      ? 'the file has blocks: name the last one with its final length'
      : `block ${blockId} is not the last block of the file`,
  );
}
