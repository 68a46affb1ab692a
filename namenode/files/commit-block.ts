import { assert } from '../../common/assert.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import { VERIFIED } from '../blocks/block-map.ts';
import { placeFinalized } from '../blocks/reports.ts';
import { reviewBlock } from '../blocks/review.ts';
import { blockKey, leaseKey } from '../namespace/keys.ts';
import { type BlockRecord, BLOCKS, type FileInode, INODES, LEASES } from '../namespace/records.ts';
import type { Transaction } from '../namespace/transaction.ts';
import type { State } from '../state.ts';
import type { FileEntry } from './open-file.ts';

/**
 * A block's length and stamp are final. From now on replicas that were reported finalized with them count, the others are
 * stragglers. Answers the inode with the block's bytes; the caller stores it. Errors: INVALID_ARGUMENT for a length over the block size.
 */
export function commitBlock(
  state: State,
  tx: Transaction,
  inode: FileInode,
  block: BlockRecord,
  lengthBytes: number,
): FileInode {
  if (lengthBytes > inode.blockSizeBytes) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `block ${block.id} cannot have ${lengthBytes} bytes: the file's block size is ${inode.blockSizeBytes}`,
    );
  }
  if (lengthBytes < block.lengthBytes) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `block ${block.id} cannot have ${lengthBytes} bytes: ${block.lengthBytes} were synced`,
    );
  }
  const committed: BlockRecord = { ...block, lengthBytes, committed: true };
  tx.put(BLOCKS, blockKey(block.id), committed);
  tx.afterward(() => takeCommitted(state, committed, tx.time.monoMs));
  return { ...inode, lengthBytes: inode.lengthBytes + lengthBytes, generation: inode.generation + 1 };
}

function takeCommitted(state: State, block: BlockRecord, monoMs: number): void {
  const reported = state.construction.get(block.id)?.reported ?? new Map();
  state.construction.close(block.id);
  state.blocks.put(block);
  const row = state.blocks.row(block.id);
  for (const [nodeId, replica] of reported) {
    const node = state.nodes.byId(nodeId);
    if (node === undefined) continue;
    if (replica.state === 'FINALIZED' && replica.stamp === block.stamp) {
      const { lengthBytes, durable } = replica;
      placeFinalized(state, row, node, { lengthBytes, durable, flags: VERIFIED });
    } else if (replica.stamp <= block.stamp) {
      state.stragglers.add(block.id, node.index, {
        stamp: replica.stamp,
        state: replica.state,
        sinceMonoMs: monoMs,
      });
    }
  }
  reviewBlock(state, block.id, monoMs);
}

/** The file has no writer any more. `inode` has all its blocks committed. */
export function closeFile(state: State, tx: Transaction, entry: FileEntry, inode: FileInode): void {
  assert(inode.id === entry.inode.id, 'a file is closed in its own place');
  tx.put(INODES, entry.key, { ...inode, underConstruction: false, modifiedMs: tx.time.nowMs });
  tx.delete(LEASES, leaseKey(inode.id));
  tx.afterward(() => state.leases.release(inode.id));
}
