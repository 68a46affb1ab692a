import { assert } from '../../common/assert.ts';
import { BLOCKS_PER_FILE_MAX } from '../../common/limits.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import { blockKey, segmentKey } from './keys.ts';
import {
  type BlockRecord,
  BLOCKS,
  type FileInode,
  INLINE_BLOCKS,
  SEGMENT_BLOCKS,
  SEGMENTS,
} from './records.ts';
import type { Reader, Transaction } from './transaction.ts';

/** The ids of a file's blocks in order: the first few in the inode, the rest in segments. */
export function blockIds(reader: Reader, inode: FileInode): number[] {
  const ids = [...inode.blocks];
  for (let segment = 0; ids.length < inode.blockCount; segment++) {
    const more = reader.get(SEGMENTS, segmentKey(inode.id, segment));
    assert(more !== undefined && more.length > 0, `segment ${segment} of inode ${inode.id} is there`);
    ids.push(...more);
  }
  return ids;
}

export function blockAt(reader: Reader, inode: FileInode, index: number): BlockRecord | undefined {
  if (index < 0 || index >= inode.blockCount) return undefined;
  const beyond = index - INLINE_BLOCKS;
  const id =
    beyond < 0
      ? inode.blocks[index]
      : reader.get(SEGMENTS, segmentKey(inode.id, Math.floor(beyond / SEGMENT_BLOCKS)))?.[
          beyond % SEGMENT_BLOCKS
        ];
  assert(id !== undefined, `block ${index} of inode ${inode.id} is listed`);
  return blockRecord(reader, id);
}

export const lastBlock = (reader: Reader, inode: FileInode): BlockRecord | undefined =>
  blockAt(reader, inode, inode.blockCount - 1);

export function blockRecord(reader: Reader, id: number): BlockRecord {
  const block = reader.get(BLOCKS, blockKey(id));
  assert(block !== undefined, `listed block ${id} has a record`);
  return block;
}

export function blockRecords(reader: Reader, inode: FileInode): BlockRecord[] {
  return blockIds(reader, inode).map((id) => blockRecord(reader, id));
}

/** The inode with one more block; the caller stores it. Errors: LIMIT_EXCEEDED. */
export function withBlock(tx: Transaction, inode: FileInode, id: number): FileInode {
  if (inode.blockCount >= BLOCKS_PER_FILE_MAX) {
    throw new QuarryError(
      'LIMIT_EXCEEDED',
      `a file has at most ${BLOCKS_PER_FILE_MAX} blocks: write it with a larger block size`,
    );
  }
  const grown = { ...inode, blockCount: inode.blockCount + 1 };
  if (inode.blockCount < INLINE_BLOCKS) return { ...grown, blocks: [...inode.blocks, id] };
  const beyond = inode.blockCount - INLINE_BLOCKS;
  const key = segmentKey(inode.id, Math.floor(beyond / SEGMENT_BLOCKS));
  tx.put(SEGMENTS, key, [...(tx.get(SEGMENTS, key) ?? []), id]);
  return grown;
}

/** The inode without its last block; the caller stores it. */
export function withoutLastBlock(tx: Transaction, inode: FileInode): FileInode {
  const last = inode.blockCount - 1;
  const shrunk = { ...inode, blockCount: last };
  if (last < INLINE_BLOCKS) return { ...shrunk, blocks: inode.blocks.slice(0, last) };
  const beyond = last - INLINE_BLOCKS;
  const key = segmentKey(inode.id, Math.floor(beyond / SEGMENT_BLOCKS));
  const left = (tx.get(SEGMENTS, key) ?? []).slice(0, beyond % SEGMENT_BLOCKS);
  if (left.length === 0) tx.delete(SEGMENTS, key);
  else tx.put(SEGMENTS, key, left);
  return shrunk;
}

export const segmentCount = (blockCount: number): number =>
  Math.max(0, Math.ceil((blockCount - INLINE_BLOCKS) / SEGMENT_BLOCKS));
