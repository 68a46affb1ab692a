import { QuarryError } from '../../common/quarry-error.ts';
import type { AdditionalDatanodeRequest } from '../../proto/gen/quarry/AdditionalDatanodeRequest.ts';
import type { BoolReplyInput } from '../../proto/gen/quarry/BoolReply.ts';
import type { LocatedBlockInput } from '../../proto/gen/quarry/LocatedBlock.ts';
import type { ReportBadBlocksRequest } from '../../proto/gen/quarry/ReportBadBlocksRequest.ts';
import type { UpdateBlockRequest } from '../../proto/gen/quarry/UpdateBlockRequest.ts';
import type { UpdatePipelineRequest } from '../../proto/gen/quarry/UpdatePipelineRequest.ts';
import { lastBlock } from '../namespace/block-list.ts';
import { blockKey } from '../namespace/keys.ts';
import { BLOCKS } from '../namespace/records.ts';
import type { Transaction } from '../namespace/transaction.ts';
import type { State } from '../state.ts';
import { userOf } from './callers.ts';
import { chooseNodes } from './choose-nodes.ts';
import { openBlock, openFile } from './open-file.ts';
import { suspect } from './write-commands.ts';

const BAD_BLOCKS_MAX = 1_000;

/** A new stamp for the block that is being written. It counts once `updatePipeline` names it; until then the old one does. */
export function updateBlockForPipeline(
  state: State,
  tx: Transaction,
  request: UpdateBlockRequest,
): LocatedBlockInput {
  const entry = openFile(state, tx, request.caller, { inodeId: request.inodeId, path: '' });
  const block = openBlock(tx, entry, request.block);
  const stamp = tx.counters.nextStamp;
  tx.count({ nextStamp: stamp + 1 });
  const expected = state.construction.get(block.id)?.expected ?? [];
  return {
    block: { blockId: block.id, generationStamp: stamp, lengthBytes: block.lengthBytes },
    offsetBytes: entry.inode.lengthBytes,
    locations: expected.flatMap((id) => state.nodes.byId(id)?.info ?? []),
    corrupt: false,
    complete: false,
  };
}

/**
 * The pipeline goes on with these nodes and that stamp: replicas with an older one are worthless from now on.
 * Errors: STALE_GENERATION, BLOCK_NOT_FOUND, INVALID_ARGUMENT for a stamp that was not handed out or nodes that cannot hold the block.
 */
export function updatePipeline(
  state: State,
  tx: Transaction,
  request: UpdatePipelineRequest,
): BoolReplyInput {
  const entry = openFile(state, tx, request.caller, { inodeId: request.inodeId, path: '' });
  const next = request.newBlock;
  const current = lastBlock(tx, entry.inode);
  // A repeated call finds its own outcome.
  if (next && current?.id === next.blockId && current.stamp === next.generationStamp) return { value: true };
  const block = openBlock(tx, entry, request.oldBlock);
  if (!next || next.blockId !== block.id) {
    throw new QuarryError('INVALID_ARGUMENT', 'the old and the new block of a pipeline are the same block');
  }
  if (next.generationStamp <= block.stamp || next.generationStamp >= tx.counters.nextStamp) {
    throw new QuarryError(
      'STALE_GENERATION',
      `generation stamp ${next.generationStamp} is not newer than ${block.stamp}, or was never handed out: ask for one with UpdateBlockForPipeline`,
    );
  }
  if (next.lengthBytes < block.lengthBytes) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `block ${block.id} cannot shrink below its ${block.lengthBytes} synced bytes`,
    );
  }
  const open = state.construction.get(block.id);
  checkPipelineNodes(
    state,
    request.nodeIds,
    // After a restart of the namenode nobody remembers the old pipeline, and not all of it need have reported yet.
    open && open.expected.length > 0
      ? [...open.expected, ...open.offered, ...open.reported.keys()]
      : undefined,
  );
  const updated = { ...block, stamp: next.generationStamp };
  tx.put(BLOCKS, blockKey(block.id), updated);
  tx.afterward(() => {
    state.blocks.put(updated);
    const table = open ?? state.construction.open(block.id, entry.inode.id, []);
    for (const id of table.expected) if (!request.nodeIds.includes(id)) suspect(state, id);
    table.expected = request.nodeIds;
    table.offered = [];
  });
  return { value: true };
}

function checkPipelineNodes(
  state: State,
  nodeIds: readonly string[],
  allowed: readonly string[] | undefined,
): void {
  if (nodeIds.length === 0) throw new QuarryError('INVALID_ARGUMENT', 'a pipeline has at least one node');
  for (const id of nodeIds) {
    const known = allowed === undefined || allowed.includes(id);
    const node = state.nodes.byId(id);
    if (!known || (node === undefined && allowed !== undefined)) {
      throw new QuarryError('INVALID_ARGUMENT', `${id} is not a datanode of this block's pipeline`);
    }
    if (node?.session) continue;
    // The writer has just reached it: it registers within a heartbeat of the namenode's restart.
    throw new QuarryError('NOT_ENOUGH_DATANODES', `${id} has not registered yet: try again`);
  }
}

/** More nodes for a pipeline that lost some: the existing ones come first in the answer, the new ones after them. */
export function getAdditionalDatanode(
  state: State,
  tx: Transaction,
  request: AdditionalDatanodeRequest,
): LocatedBlockInput {
  const entry = openFile(state, tx, request.caller, request);
  const last = lastBlock(tx, entry.inode);
  const taken = request.existingNodes.flatMap((id) => state.nodes.byId(id) ?? []);
  const chosen = chooseNodes(state, {
    count: Math.max(1, Math.min(request.count, entry.inode.replication)),
    neededBytes: entry.inode.blockSizeBytes,
    hostLabel: '',
    excluded: request.excludedNodes,
    taken,
  });
  const open = last && state.construction.get(last.id);
  if (open) open.offered = [...new Set([...open.offered, ...chosen.map((node) => node.id)])];
  return {
    block: request.block,
    offsetBytes: entry.inode.lengthBytes,
    locations: [...taken, ...chosen].map((node) => node.info),
    corrupt: false,
    complete: false,
  };
}

/** A reader got bytes with a wrong checksum. That may have been the network: the datanode looks itself before anything is deleted. */
export function reportBadBlocks(
  state: State,
  tx: Transaction,
  request: ReportBadBlocksRequest,
): BoolReplyInput {
  userOf(state, request.caller);
  for (const { block, nodeId } of request.blocks.slice(0, BAD_BLOCKS_MAX)) {
    const node = state.nodes.byId(nodeId);
    const row = block ? state.blocks.row(block.blockId) : -1;
    if (!block || node === undefined || row < 0 || state.blocks.replicaOn(row, node.index) === undefined)
      continue;
    const asked = state.orders
      .of(nodeId)
      .some((order) => order.command.verify?.block?.blockId === block.blockId);
    if (asked) continue;
    state.orders.issue(
      nodeId,
      { verify: { block: { blockId: block.blockId, generationStamp: state.blocks.stamp(row) } } },
      tx.time.monoMs,
    );
  }
  return { value: true };
}
