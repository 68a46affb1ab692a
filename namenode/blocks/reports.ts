import { QuarryError } from '../../common/quarry-error.ts';
import type { BlockReportRequest } from '../../proto/gen/quarry/BlockReportRequest.ts';
import type { IncrementalReportRequest } from '../../proto/gen/quarry/IncrementalReportRequest.ts';
import type { ReplicaInfo } from '../../proto/gen/quarry/ReplicaInfo.ts';
import type { ReportReplyInput } from '../../proto/gen/quarry/ReportReply.ts';
import type { Transaction } from '../namespace/transaction.ts';
import { type Datanode, labelOf } from '../nodes/datanode-table.ts';
import type { State } from '../state.ts';
import { CORRUPT, DURABLE, INVALIDATED, VERIFIED } from './block-map.ts';
import { reviewBlock } from './review.ts';

/** A full report may have been made that long before its first part arrived; events since then are newer than it. */
const REPORT_AGE_MS = 5_000;
const PARTS_MAX = 100_000;

/** The node of a session. Errors: NOT_REGISTERED: register again, then send a full report. */
export function nodeOf(state: State, nodeId: string, session: number): Datanode {
  const node = state.nodes.byId(nodeId);
  if (node === undefined || node.session === 0 || node.session !== session) {
    throw new QuarryError(
      'NOT_REGISTERED',
      `${nodeId || 'a datanode without a name'} is not registered: register first`,
    );
  }
  return node;
}

export function incrementalReport(
  state: State,
  tx: Transaction,
  request: IncrementalReportRequest,
): ReportReplyInput {
  const node = nodeOf(state, request.nodeId, request.session);
  if (request.sequence < node.nextSequence) return { fullReportWanted: false };
  const gap = request.sequence > node.nextSequence;
  node.nextSequence = request.sequence + 1;
  for (const event of request.events) {
    const replica = checked(event.replica);
    const { blockId } = replica.block;
    node.recentEvents.set(blockId, tx.time.monoMs);
    switch (event.kind) {
      case 'RECEIVING':
        takeReplica(state, tx, node, replica, 0);
        break;
      case 'RECEIVED':
      case 'VERIFIED':
        takeReplica(state, tx, node, replica, VERIFIED);
        break;
      case 'CORRUPT':
        takeCorrupt(state, tx, node, replica);
        break;
      case 'DELETED':
        dropReplica(state, tx, node, blockId);
        break;
    }
    reviewBlock(state, blockId, tx.time.monoMs);
  }
  if (gap) node.reported = false;
  return { fullReportWanted: gap };
}

/** Takes up each part when it arrives; what the node no longer has goes when the last one is there. */
export function blockReport(state: State, tx: Transaction, request: BlockReportRequest): ReportReplyInput {
  const node = nodeOf(state, request.nodeId, request.session);
  if (request.parts < 1 || request.parts > PARTS_MAX || request.part >= request.parts) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `part ${request.part} of ${request.parts} is no part of a report`,
    );
  }
  if (node.partial?.reportId !== request.reportId) {
    node.partial = {
      reportId: request.reportId,
      startedMonoMs: tx.time.monoMs,
      parts: new Set(),
      seen: new Set(),
    };
  }
  const { partial } = node;
  const newerSince = partial.startedMonoMs - REPORT_AGE_MS;
  for (const info of request.replicas) {
    const replica = checked(info);
    const { blockId } = replica.block;
    partial.seen.add(blockId);
    if ((node.recentEvents.get(blockId) ?? Number.NEGATIVE_INFINITY) >= newerSince) continue;
    takeReplica(state, tx, node, replica, 0);
    reviewBlock(state, blockId, tx.time.monoMs);
  }
  partial.parts.add(request.part);
  if (partial.parts.size === request.parts) endFullReport(state, tx, node);
  return { fullReportWanted: false };
}

function endFullReport(state: State, tx: Transaction, node: Datanode): void {
  const { partial } = node;
  if (partial === undefined) return;
  const newerSince = partial.startedMonoMs - REPORT_AGE_MS;
  const isCurrent = (blockId: number) =>
    partial.seen.has(blockId) || (node.recentEvents.get(blockId) ?? Number.NEGATIVE_INFINITY) >= newerSince;
  node.partial = undefined;
  node.reported = true;
  for (const row of state.blocks.rowsOn(node.index)) {
    const blockId = state.blocks.id(row);
    const stays = isCurrent(blockId);
    if (!stays) state.blocks.dropReplica(row, node.index);
    // Nothing was trimmed while this node had not reported.
    if (!stays || state.blocks.goodReplicas(row).length > state.blocks.target(row)) {
      reviewBlock(state, blockId, tx.time.monoMs);
    }
  }
  for (const blockId of node.orphans.keys()) if (!isCurrent(blockId)) node.orphans.delete(blockId);
  for (const { blockId } of state.deletions.of(node.id)) {
    if (isCurrent(blockId)) continue;
    state.deletions.confirm(tx, blockId, node.id);
    node.invalidations.delete(blockId);
  }
  state.construction.forgetReports(node.id, isCurrent);
  state.stragglers.forgetNode(node.index, isCurrent);
  for (const [blockId, monoMs] of node.recentEvents) {
    if (monoMs < newerSince) node.recentEvents.delete(blockId);
  }
}

function takeReplica(
  state: State,
  tx: Transaction,
  node: Datanode,
  replica: CheckedReplica,
  flags: number,
): void {
  const { blockId, generationStamp: stamp, lengthBytes } = replica.block;
  const { blocks } = state;
  const row = blocks.row(blockId);
  if (row < 0) {
    takeUnknown(state, tx, node, blockId, stamp);
    return;
  }
  if (stamp >= tx.counters.nextStamp) {
    witness(state, node, `block ${blockId} with generation stamp ${stamp}`);
    return;
  }
  if (!blocks.isCommitted(row)) {
    state.construction
      .get(blockId)
      ?.reported.set(node.id, { stamp, lengthBytes, state: replica.state, durable: replica.durable });
    return;
  }
  if (replica.state === 'TEMPORARY') return;
  if (stamp !== blocks.stamp(row) || replica.state !== 'FINALIZED') {
    // Newer than the namespace: a recovery is about to commit it.
    if (stamp > blocks.stamp(row)) return;
    blocks.dropReplica(row, node.index);
    state.stragglers.add(blockId, node.index, { stamp, state: replica.state, sinceMonoMs: tx.time.monoMs });
    return;
  }
  placeFinalized(state, row, node, { lengthBytes, durable: replica.durable, flags });
  state.copies.arrived(blockId, node.id);
}

/** A finalized replica with the block's stamp. One of another length is damaged, whatever its checksums say. */
export function placeFinalized(
  state: State,
  row: number,
  node: Datanode,
  replica: { lengthBytes: number; durable: boolean; flags: number },
): void {
  const { blocks } = state;
  const before = blocks.replicaOn(row, node.index)?.flags ?? 0;
  state.stragglers.remove(blocks.id(row), node.index);
  if (replica.lengthBytes !== blocks.lengthBytes(row)) {
    state.log.warn(
      {
        blockId: blocks.id(row),
        node: node.id,
        lengthBytes: replica.lengthBytes,
        expectedBytes: blocks.lengthBytes(row),
      },
      'replica.wrong-length',
    );
    blocks.setReplica(row, node.index, before | CORRUPT);
    return;
  }
  // A straggler's deletion was ordered for what this replica has replaced.
  if ((before & INVALIDATED) === 0) node.invalidations.delete(blocks.id(row));
  // A verified replica is damaged no more: it was written anew.
  const kept = replica.flags & VERIFIED ? before & ~CORRUPT : before;
  blocks.setReplica(row, node.index, kept | replica.flags | (replica.durable ? DURABLE : 0));
  state.wake.add(blocks.inodeId(row));
}

function takeCorrupt(state: State, tx: Transaction, node: Datanode, replica: CheckedReplica): void {
  const row = state.blocks.row(replica.block.blockId);
  if (row < 0) {
    takeUnknown(state, tx, node, replica.block.blockId, replica.block.generationStamp);
    return;
  }
  state.log.warn({ blockId: replica.block.blockId, node: node.id, label: labelOf(node) }, 'replica.corrupt');
  if (!state.blocks.isCommitted(row)) {
    state.construction.get(replica.block.blockId)?.reported.delete(node.id);
    return;
  }
  const before = state.blocks.replicaOn(row, node.index)?.flags ?? 0;
  state.blocks.setReplica(row, node.index, (before & ~VERIFIED) | CORRUPT);
}

function dropReplica(state: State, tx: Transaction, node: Datanode, blockId: number): void {
  node.invalidations.delete(blockId);
  node.orphans.delete(blockId);
  state.deletions.confirm(tx, blockId, node.id);
  state.stragglers.remove(blockId, node.index);
  state.construction.get(blockId)?.reported.delete(node.id);
  const row = state.blocks.row(blockId);
  if (row >= 0) state.blocks.dropReplica(row, node.index);
}

/** A block of no file: deleted at once if we know that we deleted it, else kept for the grace of `sweepOrphans`. */
function takeUnknown(state: State, tx: Transaction, node: Datanode, blockId: number, stamp: number): void {
  const { counters } = tx;
  if (blockId >= counters.nextBlockId) {
    witness(state, node, `block ${blockId}`);
    return;
  }
  const deletion = state.deletions.get(blockId);
  if (deletion !== undefined) {
    if (!deletion.nodeIds.includes(node.id)) state.deletions.add(tx, blockId, deletion.stamp, [node.id]);
    node.invalidations.set(blockId, deletion.stamp);
    return;
  }
  const before = node.orphans.get(blockId);
  node.orphans.set(blockId, { stamp, sinceMonoMs: before?.sinceMonoMs ?? tx.time.monoMs });
}

/** The node holds something that this namespace has never handed out: the namespace is older than the cluster. */
function witness(state: State, node: Datanode, what: string): void {
  state.safeMode.witness(
    `metadata rolled back: ${node.id} holds ${what}, which this namenode has not allocated. Restore the newest namenode directory, or leave safe mode by hand to give up what is missing`,
  );
}

interface CheckedReplica extends ReplicaInfo {
  readonly block: NonNullable<ReplicaInfo['block']>;
}

function checked(replica: ReplicaInfo | null): CheckedReplica {
  if (replica?.block && replica.block.blockId > 0) return replica as CheckedReplica;
  throw new QuarryError('INVALID_ARGUMENT', 'a report names a replica without a block');
}
