import type { ReplicaState } from '../../proto/gen/quarry/ReplicaState.ts';

/** A replica of a committed block that cannot count: an old stamp, or never finalized. */
export interface Straggler {
  readonly stamp: number;
  readonly state: ReplicaState;
  readonly sinceMonoMs: number;
}

/** Replicas that are only in the way. They go once the block has a good one, never before: they may be the last trace of it. */
export class Stragglers {
  readonly #byBlock = new Map<number, Map<number, Straggler>>();

  of(blockId: number): ReadonlyMap<number, Straggler> | undefined {
    return this.#byBlock.get(blockId);
  }

  blocks(): number[] {
    return [...this.#byBlock.keys()];
  }

  add(blockId: number, node: number, straggler: Straggler): void {
    let nodes = this.#byBlock.get(blockId);
    if (nodes === undefined) {
      nodes = new Map();
      this.#byBlock.set(blockId, nodes);
    }
    const before = nodes.get(node);
    nodes.set(
      node,
      before?.stamp === straggler.stamp && before.state === straggler.state ? before : straggler,
    );
  }

  remove(blockId: number, node: number): void {
    const nodes = this.#byBlock.get(blockId);
    nodes?.delete(node);
    if (nodes?.size === 0) this.#byBlock.delete(blockId);
  }

  forgetBlock(blockId: number): void {
    this.#byBlock.delete(blockId);
  }

  forgetNode(node: number, except: (blockId: number) => boolean): void {
    for (const blockId of this.blocks()) if (!except(blockId)) this.remove(blockId, node);
  }
}
