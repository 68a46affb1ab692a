import { type Datanode, isHealthy, labelOf } from '../nodes/datanode-table.ts';
import type { State } from '../state.ts';
import { isGood } from './block-map.ts';
import { copyCost } from './order-book.ts';
import { choosePlacement } from './placement.ts';
import { dropCorrupt, reviewBlock } from './review.ts';
import { LAST_REPLICA } from './replication-queue.ts';

/** After its order has ended, a copy's report is at most that late. */
const ARRIVAL_GRACE_MS = 3_000;

/** Hands out copy orders for the most urgent blocks, as many as the nodes have streams. */
export function orderCopies(state: State, monoMs: number): void {
  for (const blockId of state.copies.expire(monoMs)) reviewBlock(state, blockId, monoMs);
  const streams = state.config['namenode.replicationStreamsPerNode'];
  const budget = new CopyBudget(state, streams);
  // Blocks whose copies are on the way are still in the queue and take nothing of the budget.
  let lookAt = Math.min(state.queue.size, state.copies.size + Math.ceil(budget.total / copyCost(0)));
  while (lookAt > 0 && budget.total > 0) {
    const taken = state.queue.take(Math.min(lookAt, Math.ceil(budget.total)));
    if (taken.length === 0) return;
    lookAt -= taken.length;
    for (const blockId of taken) if (budget.total > 0) orderCopiesOf(state, blockId, budget, monoMs);
  }
}

/** The replica that a copy order made is on its way, or the order came to nothing. */
export function copyOrderEnded(state: State, blockId: number, orderId: number, monoMs: number): void {
  state.copies.orderEnded(blockId, orderId, monoMs + ARRIVAL_GRACE_MS);
}

function orderCopiesOf(state: State, blockId: number, budget: CopyBudget, monoMs: number): void {
  const { blocks, copies, nodes } = state;
  const row = blocks.row(blockId);
  if (row < 0) return;
  const replicas = blocks.replicas(row);
  const good = replicas.filter(isGood);
  const onTheWay = copies.targetsOf(blockId);
  const labels = new Set(good.map((replica) => labelOf(nodes.at(replica.node))));
  // Two on one label count once: the copy elsewhere comes first, the trim afterwards.
  const missing = blocks.target(row) - labels.size - onTheWay.length;
  const sources = good.map((replica) => nodes.at(replica.node)).filter(isHealthy);
  if (missing <= 0 || sources.length === 0) return;

  const urgent = state.queue.level(blockId) === LAST_REPLICA;
  const holding = new Set([
    ...replicas.map((replica) => replica.node),
    ...(state.stragglers.of(blockId)?.keys() ?? []),
  ]);
  const targets = choosePlacement(
    {
      count: missing,
      candidates: nodes.healthy
        .filter((node) => !holding.has(node.index) && !onTheWay.includes(node.id))
        .map((node) => candidateOf(state, node)),
      taken: [
        ...good.map((replica) => nodes.at(replica.node)),
        ...onTheWay.flatMap((id) => nodes.byId(id) ?? []),
      ].map((node) => ({ label: labelOf(node), rack: node.info.rack })),
      preferredLabel: '',
      neededBytes: blocks.lengthBytes(row),
    },
    state.random,
  );
  // On a cluster without a spare node the damaged copy must make room first; it is worthless beside a good one.
  if (targets.length === 0) dropCorrupt(state, row, replicas);
  for (const target of targets) {
    const source = budget.takeSource(sources, urgent, copyCost(blocks.lengthBytes(row)));
    if (source === undefined) return;
    const node = nodes.byId(target.id);
    if (node === undefined) continue;
    const order = state.orders.issue(
      source.id,
      {
        copy: {
          block: { blockId, generationStamp: blocks.stamp(row), lengthBytes: blocks.lengthBytes(row) },
          targets: [node.info],
        },
      },
      monoMs,
    );
    copies.add(blockId, target.id, {
      sourceId: source.id,
      orderId: order.command.id,
      deadlineMonoMs: monoMs + state.config['namenode.commandTimeoutMs'],
    });
  }
}

export function candidateOf(state: State, node: Datanode) {
  return {
    id: node.id,
    label: labelOf(node),
    rack: node.info.rack,
    freeBytes: node.freeBytes,
    load: node.activeStreams + state.orders.copiesOf(node.id),
  };
}

/** How many more streams each node may use for copies. Blocks with one replica left may use twice as many streams. */
class CopyBudget {
  readonly #free = new Map<string, number>();
  readonly #extra: number;

  constructor(state: State, streams: number) {
    this.#extra = streams;
    for (const node of state.nodes.healthy)
      this.#free.set(node.id, streams - state.orders.copyLoadOf(node.id));
  }

  get total(): number {
    let total = 0;
    for (const free of this.#free.values()) total += Math.max(0, free);
    return total;
  }

  takeSource(sources: readonly Datanode[], urgent: boolean, cost: number): Datanode | undefined {
    const floor = urgent ? -this.#extra : 0;
    const best = sources.reduce((most, node) => (this.#of(node) > this.#of(most) ? node : most));
    if (this.#of(best) <= floor) return undefined;
    this.#free.set(best.id, this.#of(best) - cost);
    return best;
  }

  #of(node: Datanode): number {
    return this.#free.get(node.id) ?? Number.NEGATIVE_INFINITY;
  }
}
