import { QuarryError } from '../../common/quarry-error.ts';
import type { BoolReplyInput } from '../../proto/gen/quarry/BoolReply.ts';
import type { CommitBlockSyncRequest } from '../../proto/gen/quarry/CommitBlockSyncRequest.ts';
import type { RecoverLeaseRequest } from '../../proto/gen/quarry/RecoverLeaseRequest.ts';
import type { ReportReplyInput } from '../../proto/gen/quarry/ReportReply.ts';
import { nodeOf, placeFinalized } from '../blocks/reports.ts';
import { reviewBlock } from '../blocks/review.ts';
import { lastBlock, withoutLastBlock } from '../namespace/block-list.ts';
import { entryOf, existingFile } from '../namespace/inode-tree.ts';
import { leaseKey } from '../namespace/keys.ts';
import { RECOVERY_HOLDER } from '../namespace/lease-table.ts';
import { checkAccess, WRITE } from '../namespace/permissions.ts';
import { type BlockRecord, INODES, LEASES } from '../namespace/records.ts';
import type { Transaction } from '../namespace/transaction.ts';
import { type Datanode, isHealthy } from '../nodes/datanode-table.ts';
import type { State } from '../state.ts';
import { userOf } from './callers.ts';
import { closeFile, commitBlock } from './commit-block.ts';
import { fileById, type FileEntry } from './open-file.ts';
import { removeBlocks } from './remove.ts';

/** A recovery without an outcome for that long is started again, with a newer stamp and maybe another primary. */
const RECOVERY_PATIENCE_MS = 10_000;

export function leaseHeld(path: string, holder: string): QuarryError {
  return new QuarryError(
    'LEASE_HELD',
    `${path} is being written by ${holder}: wait until it is closed, or recover its lease`,
    { details: { path, holder } },
  );
}

/** Closes an open file whose writer may be gone. Answers whether it is closed now; else a recovery is under way. */
export function recoverLease(state: State, tx: Transaction, request: RecoverLeaseRequest): BoolReplyInput {
  const user = userOf(state, request.caller);
  const entry = existingFile(tx, request.path, user);
  checkAccess(user, entry.inode, WRITE, request.path);
  if (!entry.inode.underConstruction) return { value: true };
  return { value: takeOver(state, tx, entry) };
}

/** Its writer has been silent past the soft limit and somebody else wants the file: the take-over begins, whatever the answer. */
export function recoverIfAbandoned(state: State, tx: Transaction, inodeId: number): void {
  tx.keepOnError();
  takeOver(state, tx, fileById(tx, { inodeId, path: '' }));
}

/** The namenode's own part: files whose writer is past the hard limit, and recoveries without an outcome. */
export function superviseLeases(state: State, tx: Transaction): void {
  const { monoMs } = tx.time;
  const abandoned = state.leases.expired(state.config['namenode.leaseHardMs'], monoMs);
  for (const inodeId of [...abandoned, ...state.leases.filesOf(RECOVERY_HOLDER)]) {
    const entry = entryOf(tx, inodeId);
    if (entry?.inode.kind !== 'file') continue;
    takeOver(state, tx, { ...entry, inode: entry.inode });
  }
}

/** True when the file is closed now. */
function takeOver(state: State, tx: Transaction, entry: FileEntry): boolean {
  const { inode } = entry;
  const last = lastBlock(tx, inode);
  if (last === undefined || last.committed) {
    closeFile(state, tx, entry, inode);
    return true;
  }
  if (state.leases.holderOf(inode.id) !== RECOVERY_HOLDER) {
    state.log.info({ inodeId: inode.id, holder: state.leases.holderOf(inode.id) }, 'lease.recovering');
    tx.put(LEASES, leaseKey(inode.id), { inodeId: inode.id, holder: RECOVERY_HOLDER });
    state.leases.grant(inode.id, RECOVERY_HOLDER, tx.time.monoMs);
  }
  return recoverBlock(state, tx, entry, last);
}

/** Has a primary agree with the other holders on a length. True when nobody can hold the block and the file was closed without it. */
function recoverBlock(state: State, tx: Transaction, entry: FileEntry, block: BlockRecord): boolean {
  const { monoMs } = tx.time;
  const open = state.construction.get(block.id) ?? state.construction.open(block.id, entry.inode.id, []);
  if (open.recovery !== undefined) {
    const primary = state.nodes.byId(open.recovery.primaryId);
    const waiting = monoMs - open.recovery.startedMonoMs < RECOVERY_PATIENCE_MS;
    if (waiting && primary?.state === 'live') return false;
  }
  const holders = state.construction.holders(block.id);
  if (holders.length === 0 && everyNodeHasReported(state)) {
    dropBlock(state, tx, entry, block);
    return true;
  }
  const present = holders.flatMap((id) => state.nodes.byId(id) ?? []).filter(isPresent);
  const primary = present.find((node) => open.reported.has(node.id)) ?? present[0];
  if (primary === undefined) return false;
  const stamp = tx.counters.nextStamp;
  tx.count({ nextStamp: stamp + 1 });
  open.recovery = {
    stamp,
    startedMonoMs: monoMs,
    primaryId: primary.id,
    complete: present.length === holders.length,
  };
  state.orders.issue(
    primary.id,
    {
      recover: {
        block: { blockId: block.id, generationStamp: block.stamp, lengthBytes: block.lengthBytes },
        recoveryStamp: stamp,
        replicas: present.map((node) => node.info),
      },
    },
    monoMs,
  );
  return false;
}

/** The outcome of a recovery. Errors: STALE_GENERATION when a newer one has been started, INVALID_ARGUMENT for less than was synced. */
export function commitBlockSync(
  state: State,
  tx: Transaction,
  request: CommitBlockSyncRequest,
): ReportReplyInput {
  nodeOf(state, request.nodeId, request.session);
  const blockId = request.block?.blockId ?? 0;
  const open = state.construction.get(blockId);
  if (open?.recovery === undefined || open.recovery.stamp !== request.recoveryStamp) {
    throw new QuarryError(
      'STALE_GENERATION',
      `recovery ${request.recoveryStamp} of block ${blockId} is not the newest one: drop its outcome`,
    );
  }
  const entry = fileById(tx, { inodeId: open.inodeId, path: '' });
  const block = lastBlock(tx, entry.inode);
  if (block?.id !== blockId) return { fullReportWanted: false };
  if (request.nodeIds.length === 0 || request.lengthBytes === 0) {
    // A node that was not asked may hold bytes that readers have seen: asked again later.
    if (open.recovery.complete && block.lengthBytes === 0) dropBlock(state, tx, entry, block);
    return { fullReportWanted: false };
  }
  const inode = commitBlock(
    state,
    tx,
    entry.inode,
    { ...block, stamp: request.recoveryStamp },
    request.lengthBytes,
  );
  closeFile(state, tx, entry, inode);
  tx.afterward(() => {
    const row = state.blocks.row(blockId);
    for (const id of request.nodeIds) {
      const node = state.nodes.byId(id);
      if (node === undefined || node.session === 0) continue;
      placeFinalized(state, row, node, { lengthBytes: request.lengthBytes, durable: false, flags: 0 });
    }
    reviewBlock(state, blockId, tx.time.monoMs);
  });
  return { fullReportWanted: false };
}

function dropBlock(state: State, tx: Transaction, entry: FileEntry, block: BlockRecord): void {
  const inode = withoutLastBlock(tx, entry.inode);
  tx.put(INODES, entry.key, inode);
  removeBlocks(state, tx, { ...inode, blockCount: 0 }, [block.id]);
  closeFile(state, tx, entry, inode);
}

function everyNodeHasReported(state: State): boolean {
  return !state.safeMode.on && state.nodes.all.every((node) => node.reported);
}

const isPresent = (node: Datanode): boolean => node.session !== 0 && isHealthy(node);
