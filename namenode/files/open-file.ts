import { QuarryError } from '../../common/quarry-error.ts';
import type { Caller } from '../../proto/gen/quarry/Caller.ts';
import { lastBlock } from '../namespace/block-list.ts';
import { type Entry, entryOf, notFound } from '../namespace/inode-tree.ts';
import type { BlockRecord, FileInode } from '../namespace/records.ts';
import { RECOVERY_HOLDER } from '../namespace/lease-table.ts';
import type { Transaction } from '../namespace/transaction.ts';
import type { State } from '../state.ts';
import { holderOf } from './callers.ts';

export type FileEntry = Entry & { readonly inode: FileInode };

/** The file that the caller is writing, found by its id: a rename does not disturb its writer. Errors: FILE_NOT_FOUND, LEASE_LOST. */
export function openFile(
  state: State,
  tx: Transaction,
  caller: Caller | null,
  file: { inodeId: number; path: string },
): FileEntry {
  const holder = holderOf(caller);
  const entry = fileById(tx, file);
  const current = state.leases.holderOf(entry.inode.id);
  if (current === holder && entry.inode.underConstruction) {
    state.leases.renew(holder, tx.time.monoMs);
    return entry;
  }
  const why =
    current === undefined
      ? 'is closed'
      : current === RECOVERY_HOLDER
        ? 'is being recovered, since its writer was silent for too long'
        : `is being written by ${current}`;
  throw new QuarryError('LEASE_LOST', `${shown(file)} ${why}: ${holder} may not write to it`);
}

/** Errors: FILE_NOT_FOUND. */
export function fileById(tx: Transaction, file: { inodeId: number; path: string }): FileEntry {
  const entry = entryOf(tx, file.inodeId);
  if (entry?.inode.kind !== 'file') throw notFound(shown(file));
  return { ...entry, inode: entry.inode };
}

function shown(file: { inodeId: number; path: string }): string {
  return file.path === '' ? `file ${file.inodeId}` : file.path;
}

/** The block that is being written: the file's last one, with the caller's stamp. Errors: BLOCK_NOT_FOUND, STALE_GENERATION. */
export function openBlock(
  tx: Transaction,
  entry: FileEntry,
  block: { blockId: number; generationStamp: number } | null,
): BlockRecord {
  const last = lastBlock(tx, entry.inode);
  if (!block || last === undefined || last.id !== block.blockId || last.committed) {
    throw new QuarryError(
      'BLOCK_NOT_FOUND',
      `block ${block?.blockId ?? 0} is not the block that is being written of ${entry.name}`,
    );
  }
  checkStamp(last, block.generationStamp);
  return last;
}

/** Errors: STALE_GENERATION. */
export function checkStamp(block: BlockRecord, stamp: number): void {
  if (block.stamp === stamp) return;
  throw new QuarryError(
    'STALE_GENERATION',
    `block ${block.id} has generation stamp ${block.stamp}, the call names ${stamp}: ask for its current one`,
    { details: { blockId: block.id, generationStamp: block.stamp } },
  );
}
