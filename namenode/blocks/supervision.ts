import { superviseLeases } from '../files/lease-recovery.ts';
import type { Transaction } from '../namespace/transaction.ts';
import type { Datanode } from '../nodes/datanode-table.ts';
import { declareDead, expireOrders } from '../nodes/registration.ts';
import type { State } from '../state.ts';
import { orderCopies } from './healing.ts';
import { reviewBlock } from './review.ts';

/** Blocks the sweep looks at in one tick: about 10 ms of work. */
const SWEEP_STEP = 20_000;
const EXPIRED_ANSWERS_STEP = 5_000;
const ORPHAN_SHARE_MAX = 0.01;
/** Below that many, a share says nothing. */
const ORPHANS_FLOOR = 16;

/** What time alone brings about; called a few times a second. */
export function supervise(state: State, tx: Transaction): void {
  const { monoMs } = tx.time;
  judgeNodes(state, monoMs);
  judgeSafeMode(state, monoMs);
  state.retries.expire(tx, EXPIRED_ANSWERS_STEP);
  expireOrders(state, monoMs);
  if (state.safeMode.on) return;
  superviseLeases(state, tx);
  if (monoMs - state.lastReplicationMonoMs >= state.config['namenode.replicationIntervalMs']) {
    state.lastReplicationMonoMs = monoMs;
    orderCopies(state, monoMs);
  }
  sweep(state, monoMs);
}

export function judgeSafeMode(state: State, monoMs: number): void {
  const { blocks, nodes, safeMode } = state;
  safeMode.evaluate(
    {
      knownNodes: nodes.size,
      reportedNodes: nodes.all.filter((node) => node.reported).length,
      blocks: blocks.committed,
      available: blocks.available,
      satisfied: blocks.satisfied,
    },
    monoMs,
  );
  // Whatever was reported meanwhile has not been looked at.
  if (state.wasSafe && !safeMode.on) {
    state.log.info({ blocks: blocks.committed, available: blocks.available }, 'safe-mode.left');
    startSweep(state, monoMs);
  }
  state.wasSafe = safeMode.on;
}

function judgeNodes(state: State, monoMs: number): void {
  for (const node of state.nodes.all) {
    if (node.session === 0) continue;
    const silentMs = monoMs - node.lastHeartbeatMonoMs;
    if (silentMs >= state.config['namenode.deadAfterMs']) declareDead(state, node, monoMs);
    else if (silentMs >= state.config['namenode.staleAfterMs']) node.state = 'stale';
  }
}

function startSweep(state: State, monoMs: number): void {
  state.sweepRow = 0;
  state.lastSweepMonoMs = monoMs;
}

/** Looks at every block, a step at a time: what an event has missed is found here. */
function sweep(state: State, monoMs: number): void {
  const { blocks } = state;
  if (state.sweepRow < blocks.rows) {
    const end = Math.min(blocks.rows, state.sweepRow + SWEEP_STEP);
    for (let row = state.sweepRow; row < end; row++) {
      if (blocks.id(row) !== 0) reviewBlock(state, blocks.id(row), monoMs);
    }
    state.sweepRow = end;
    return;
  }
  if (monoMs - state.lastSweepMonoMs < state.config['namenode.sweepIntervalMs']) return;
  for (const node of state.nodes.all) {
    sweepOrphans(state, node, monoMs);
    repeatDeletions(state, node);
  }
  startSweep(state, monoMs);
}

/**
 * Replicas of blocks that no file has. They are kept for a grace, and more than a hundredth of a node's blocks are never
 * deleted: that many unknown blocks mean that the namespace is wrong, not the node.
 */
function sweepOrphans(state: State, node: Datanode, monoMs: number): void {
  const due = [...node.orphans].filter(
    ([, orphan]) => monoMs - orphan.sinceMonoMs >= state.config['namenode.orphanGraceMs'],
  );
  if (due.length === 0) return;
  if (due.length > Math.max(ORPHANS_FLOOR, node.blockCount * ORPHAN_SHARE_MAX)) {
    state.log.error({ node: node.id, orphans: due.length, blocks: node.blockCount }, 'orphans.too-many');
    return;
  }
  for (const [blockId, { stamp }] of due) {
    node.invalidations.set(blockId, stamp);
    node.orphans.delete(blockId);
  }
}

/** A deletion whose order was lost on the way is given again. */
function repeatDeletions(state: State, node: Datanode): void {
  if (node.session === 0) return;
  const ordered = new Set(
    state.orders
      .of(node.id)
      .flatMap(({ command }) => command.delete?.blocks?.map((block) => Number(block.blockId)) ?? []),
  );
  for (const { blockId, stamp } of state.deletions.of(node.id)) {
    if (!ordered.has(blockId)) node.invalidations.set(blockId, stamp);
  }
}
