import type { State } from '../state.ts';
import { labelOf } from '../nodes/datanode-table.ts';
import { CORRUPT, INVALIDATED, isGood, type Replica, VERIFIED } from './block-map.ts';
import { levelOf } from './replication-queue.ts';

/** A replica that is being written on a committed block may still be finalized: its datanode is some acknowledgements behind. After that long it will not be, and is in the way of a copy. */
const STRAGGLER_AGE_MS = 10_000;

/**
 * Looks at one block and decides what it needs: a place in the replication queue, or the deletion of replicas that are too
 * many or of no use. Called whenever something about the block has changed, and by the sweep for all of them, so that
 * nothing depends on a single event being seen. Does nothing in safe mode: half of the replicas may not be reported yet.
 */
export function reviewBlock(state: State, blockId: number, monoMs: number): void {
  const { blocks, queue, safeMode } = state;
  const row = blocks.row(blockId);
  if (row < 0 || !blocks.isCommitted(row) || safeMode.on) {
    queue.put(blockId, undefined);
    return;
  }
  const replicas = blocks.replicas(row);
  const good = replicas.filter(isGood);
  const target = blocks.target(row);
  const labels = new Set(good.map((replica) => labelOf(state.nodes.at(replica.node))));
  const misplaced = labels.size < good.length;
  const reachable = misplaced && hasOtherLabel(state, labels);
  queue.put(blockId, levelOf({ good: good.length, target, misplaced, reachable }));
  if (good.length >= target && !misplaced) state.copies.forgetBlock(blockId);
  if (good.length > target) trim(state, row, good);
  // A damaged copy of a block that has good ones is only in the way of a new one.
  if (good.length >= Math.min(2, target)) dropCorrupt(state, row, replicas);
  if (good.length > 0) dropStragglers(state, blockId, monoMs);
}

/** Decides the deletion of one replica; the order goes out with its node's next heartbeat. */
export function invalidate(state: State, row: number, replica: Replica, stamp: number): void {
  state.blocks.setReplica(row, replica.node, replica.flags | INVALIDATED);
  state.nodes.at(replica.node).invalidations.set(state.blocks.id(row), stamp);
}

export function dropCorrupt(state: State, row: number, replicas: readonly Replica[]): void {
  for (const replica of replicas) {
    if ((replica.flags & CORRUPT) !== 0 && (replica.flags & INVALIDATED) === 0) {
      invalidate(state, row, replica, state.blocks.stamp(row));
    }
  }
}

/** Deletes what is too many, one label's second replica first, then where there is least room. Never the only verified copy. */
function trim(state: State, row: number, good: readonly Replica[]): void {
  const holders = good.map((replica) => ({ replica, node: state.nodes.at(replica.node) }));
  // A holder that has not reported since it registered may be about to lose the replica it is thought to have.
  if (holders.some(({ node }) => !node.reported)) return;
  let kept = holders.filter(({ node }) => node.state === 'live');
  while (kept.length > state.blocks.target(row)) {
    const verified = kept.filter(({ replica }) => replica.flags & VERIFIED);
    const candidates = verified.length === 1 ? kept.filter((holder) => holder !== verified[0]) : kept;
    const perLabel = (label: string) => kept.filter(({ node }) => labelOf(node) === label).length;
    const doubled = candidates.filter(({ node }) => perLabel(labelOf(node)) > 1);
    const victim = (doubled.length > 0 ? doubled : candidates).reduce((least, holder) =>
      holder.node.freeBytes < least.node.freeBytes ? holder : least,
    );
    invalidate(state, row, victim.replica, state.blocks.stamp(row));
    kept = kept.filter((holder) => holder !== victim);
  }
}

function dropStragglers(state: State, blockId: number, monoMs: number): void {
  const stamp = state.blocks.stamp(state.blocks.row(blockId));
  for (const [node, straggler] of state.stragglers.of(blockId) ?? []) {
    const isWriting = straggler.stamp === stamp && straggler.state === 'RBW';
    if (isWriting && monoMs - straggler.sinceMonoMs < STRAGGLER_AGE_MS) continue;
    state.nodes.at(node).invalidations.set(blockId, straggler.stamp);
  }
}

function hasOtherLabel(state: State, labels: ReadonlySet<string>): boolean {
  return state.nodes.healthy.some((node) => !labels.has(labelOf(node)));
}
