import { NAME_BYTES_MAX } from '../../common/limits.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { DatanodeInfo } from '../../proto/gen/quarry/DatanodeInfo.ts';
import type { HeartbeatReplyInput } from '../../proto/gen/quarry/HeartbeatReply.ts';
import type { HeartbeatRequest } from '../../proto/gen/quarry/HeartbeatRequest.ts';
import type { RegisterReplyInput } from '../../proto/gen/quarry/RegisterReply.ts';
import type { RegisterRequest } from '../../proto/gen/quarry/RegisterRequest.ts';
import { copyOrderEnded, orderCopies } from '../blocks/healing.ts';
import type { Order } from '../blocks/order-book.ts';
import { nodeOf } from '../blocks/reports.ts';
import { reviewBlock } from '../blocks/review.ts';
import { knownNodeKey } from '../namespace/keys.ts';
import { KNOWN_NODES, type KnownNode } from '../namespace/records.ts';
import type { Transaction } from '../namespace/transaction.ts';
import type { State } from '../state.ts';
import type { Datanode } from './datanode-table.ts';

const DELETIONS_PER_ORDER = 1_000;

/**
 * A datanode says who it is. Its replicas stay in the map until its full report says otherwise: a restart within the dead
 * timeout moves nothing. Errors: WRONG_CLUSTER, INVALID_ARGUMENT (no name, or another live node has it).
 */
export function register(state: State, tx: Transaction, request: RegisterRequest): RegisterReplyInput {
  const info = checkedInfo(request.info);
  if (request.clusterId !== '' && request.clusterId !== state.clusterId) {
    throw new QuarryError(
      'WRONG_CLUSTER',
      `datanode ${info.id} belongs to cluster ${request.clusterId}, this is ${state.clusterId}: start it with its own cluster, or give it an empty directory`,
    );
  }
  const known: KnownNode = { id: info.id, uuid: info.uuid, hostLabel: info.hostLabel, rack: info.rack };
  const node = state.nodes.byId(info.id) ?? state.nodes.add(known, info);
  if (node.known.uuid !== info.uuid) replaceStorage(state, node, tx.time.monoMs);
  if (!sameNode(tx.get(KNOWN_NODES, knownNodeKey(info.id)), known)) {
    tx.put(KNOWN_NODES, knownNodeKey(info.id), known);
  }
  checkWitness(state, request);
  forgetOrders(state, node, tx.time.monoMs);
  node.known = known;
  node.info = info;
  node.session = state.nextSession++;
  node.state = 'live';
  node.suspect = false;
  node.lastHeartbeatMonoMs = tx.time.monoMs;
  node.capacityBytes = request.capacityBytes;
  node.freeBytes = request.freeBytes;
  node.reported = false;
  node.nextSequence = 1;
  node.partial = undefined;
  node.recentEvents.clear();
  node.invalidations.clear();
  for (const deletion of state.deletions.of(node.id))
    node.invalidations.set(deletion.blockId, deletion.stamp);
  return {
    clusterId: state.clusterId,
    session: node.session,
    epoch: state.epoch,
    heartbeatIntervalMs: state.config['namenode.heartbeatIntervalMs'],
  };
}

export function heartbeat(state: State, tx: Transaction, request: HeartbeatRequest): HeartbeatReplyInput {
  const node = nodeOf(state, request.nodeId, request.session);
  const { monoMs } = tx.time;
  node.lastHeartbeatMonoMs = monoMs;
  node.state = 'live';
  node.suspect = false;
  node.capacityBytes = request.capacityBytes;
  node.freeBytes = request.freeBytes;
  node.usedBytes = request.usedBytes;
  node.blockCount = request.blockCount;
  node.activeStreams = request.activeStreams;
  let hasRoom = false;
  for (const id of request.doneCommands) {
    const order = state.orders.done(node.id, id);
    if (order?.command.copy?.block) {
      hasRoom = true;
      copyOrderEnded(state, Number(order.command.copy.block.blockId), id, monoMs);
    }
  }
  if (!state.safeMode.on) {
    orderDeletions(state, node, monoMs);
    // The next copies go out with this answer, not after the interval.
    if (hasRoom) orderCopies(state, monoMs);
  }
  return {
    epoch: state.epoch,
    txid: state.durableTxid,
    commands: state.orders.of(node.id).map((order) => order.command),
    fullReportWanted: !node.reported && node.partial === undefined,
  };
}

/** Its replicas are lost until it registers again. */
export function declareDead(state: State, node: Datanode, monoMs: number): void {
  state.log.warn({ node: node.id }, 'datanode.dead');
  node.state = 'dead';
  node.session = 0;
  node.reported = false;
  forgetOrders(state, node, monoMs);
  dropReplicas(state, node, monoMs);
  state.lastReplicationMonoMs = Number.NEGATIVE_INFINITY;
}

/** Orders that were not carried out in time: deletions are given again, copies by the replication queue. */
export function expireOrders(state: State, monoMs: number): void {
  for (const order of state.orders.expire(state.config['namenode.commandTimeoutMs'], monoMs)) {
    const node = state.nodes.byId(order.nodeId);
    if (node !== undefined) giveBack(node, order);
  }
}

function orderDeletions(state: State, node: Datanode, monoMs: number): void {
  const blocks = [...node.invalidations].slice(0, DELETIONS_PER_ORDER);
  if (blocks.length === 0) return;
  for (const [blockId] of blocks) node.invalidations.delete(blockId);
  state.orders.issue(
    node.id,
    { delete: { blocks: blocks.map(([blockId, generationStamp]) => ({ blockId, generationStamp })) } },
    monoMs,
  );
}

function forgetOrders(state: State, node: Datanode, monoMs: number): void {
  for (const order of state.orders.forget(node.id)) giveBack(node, order);
  for (const blockId of state.copies.forgetNode(node.id)) reviewBlock(state, blockId, monoMs);
}

function giveBack(node: Datanode, order: Order): void {
  for (const { blockId, generationStamp } of order.command.delete?.blocks ?? []) {
    node.invalidations.set(Number(blockId), Number(generationStamp));
  }
}

/** The name is taken over by a new, empty directory. */
function replaceStorage(state: State, node: Datanode, monoMs: number): void {
  if (node.session !== 0 && node.state === 'live') {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `another datanode named ${node.id} is running: give each datanode a name and a directory of its own`,
    );
  }
  dropReplicas(state, node, monoMs);
}

function dropReplicas(state: State, node: Datanode, monoMs: number): void {
  for (const row of state.blocks.rowsOn(node.index)) {
    state.blocks.dropReplica(row, node.index);
    reviewBlock(state, state.blocks.id(row), monoMs);
  }
  node.orphans.clear();
  state.stragglers.forgetNode(node.index, () => false);
  state.construction.forgetReports(node.id, () => false);
}

function checkWitness(state: State, request: RegisterRequest): void {
  if (request.highestEpoch <= state.epoch && request.highestTxid <= state.durableTxid) return;
  state.safeMode.witness(
    `metadata rolled back: ${request.info?.id} has seen epoch ${request.highestEpoch} transaction ${request.highestTxid}, this namenode is at epoch ${state.epoch} transaction ${state.durableTxid}. Restore the newest namenode directory, or leave safe mode by hand to give up what is missing`,
  );
}

function checkedInfo(info: DatanodeInfo | null): DatanodeInfo {
  if (!info || info.id === '' || info.uuid === '') {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      'a datanode registers with its name and the uuid of its storage',
    );
  }
  for (const text of [info.id, info.uuid, info.hostLabel, info.rack]) {
    if (Buffer.byteLength(text) > NAME_BYTES_MAX) {
      throw new QuarryError('INVALID_ARGUMENT', `names of a datanode have at most ${NAME_BYTES_MAX} bytes`);
    }
  }
  return info;
}

function sameNode(a: KnownNode | undefined, b: KnownNode): boolean {
  return a?.uuid === b.uuid && a.hostLabel === b.hostLabel && a.rack === b.rack;
}
