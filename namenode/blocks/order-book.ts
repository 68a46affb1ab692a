import type { CommandInput } from '../../proto/gen/quarry/Command.ts';

/** An order to a datanode: rides on every heartbeat answer until the node says it is done, or it is too old. */
export interface Order {
  readonly nodeId: string;
  readonly command: CommandInput & { id: number };
  readonly issuedMonoMs: number;
}

/** Ids of one epoch: 2^32 of them, below 2^53 for the first two million starts. */
const IDS_PER_EPOCH = 2 ** 32;
/** A copy of that many bytes takes one stream, a smaller one its share of it, but at least an eighth for its fixed costs. */
const STREAM_BYTES = 16 * 1024 * 1024;
const STREAM_SHARE_MIN = 1 / 8;

/** What a copy of so many bytes takes of a node's streams. */
export function copyCost(lengthBytes: number): number {
  return Math.min(1, Math.max(STREAM_SHARE_MIN, lengthBytes / STREAM_BYTES));
}

export class OrderBook {
  readonly #byNode = new Map<string, Map<number, Order>>();
  #nextId: number;
  #issued: Order[] = [];

  constructor(epoch: number) {
    this.#nextId = epoch * IDS_PER_EPOCH + 1;
  }

  issue(nodeId: string, command: CommandInput, monoMs: number): Order {
    const order = { nodeId, command: { ...command, id: this.#nextId++ }, issuedMonoMs: monoMs };
    let orders = this.#byNode.get(nodeId);
    if (orders === undefined) {
      orders = new Map();
      this.#byNode.set(nodeId, orders);
    }
    orders.set(order.command.id, order);
    this.#issued.push(order);
    return order;
  }

  /** The orders issued since the last call: what a command's outcome shows. */
  drainIssued(): readonly Order[] {
    const issued = this.#issued;
    if (issued.length > 0) this.#issued = [];
    return issued;
  }

  of(nodeId: string): Order[] {
    return [...(this.#byNode.get(nodeId)?.values() ?? [])];
  }

  done(nodeId: string, id: number): Order | undefined {
    const order = this.#byNode.get(nodeId)?.get(id);
    if (order !== undefined) this.#byNode.get(nodeId)?.delete(id);
    return order;
  }

  /** Forgets a node's orders: it has died or registered anew. */
  forget(nodeId: string): readonly Order[] {
    const orders = this.of(nodeId);
    this.#byNode.delete(nodeId);
    return orders;
  }

  /** Takes out orders older than `timeoutMs`. */
  expire(timeoutMs: number, monoMs: number): readonly Order[] {
    const expired: Order[] = [];
    for (const orders of this.#byNode.values()) {
      for (const order of orders.values()) {
        if (monoMs - order.issuedMonoMs < timeoutMs) continue;
        orders.delete(order.command.id);
        expired.push(order);
      }
    }
    return expired;
  }

  /** Copies the node is sending. */
  copiesOf(nodeId: string): number {
    return this.of(nodeId).filter((order) => order.command.copy != null).length;
  }

  /** What they take of its streams. */
  copyLoadOf(nodeId: string): number {
    let load = 0;
    for (const { command } of this.of(nodeId))
      if (command.copy != null) load += copyCost(Number(command.copy.block?.lengthBytes ?? 0));
    return load;
  }
}
