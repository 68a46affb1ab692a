interface PendingCopy {
  readonly sourceId: string;
  readonly orderId: number;
  deadlineMonoMs: number;
}

/** Copies that were ordered and have not arrived: block -> target node -> copy. A late one is ordered again. */
export class PendingCopies {
  readonly #byBlock = new Map<number, Map<string, PendingCopy>>();

  get size(): number {
    return this.#byBlock.size;
  }

  targetsOf(blockId: number): string[] {
    return [...(this.#byBlock.get(blockId)?.keys() ?? [])];
  }

  add(
    blockId: number,
    targetId: string,
    copy: { sourceId: string; orderId: number; deadlineMonoMs: number },
  ): void {
    let targets = this.#byBlock.get(blockId);
    if (targets === undefined) {
      targets = new Map();
      this.#byBlock.set(blockId, targets);
    }
    targets.set(targetId, { ...copy });
  }

  arrived(blockId: number, targetId: string): void {
    const targets = this.#byBlock.get(blockId);
    targets?.delete(targetId);
    if (targets?.size === 0) this.#byBlock.delete(blockId);
  }

  forgetBlock(blockId: number): void {
    this.#byBlock.delete(blockId);
  }

  /** The order has ended; if it went well, the target's report is about to come. */
  orderEnded(blockId: number, orderId: number, deadlineMonoMs: number): void {
    for (const copy of this.#byBlock.get(blockId)?.values() ?? []) {
      if (copy.orderId === orderId) copy.deadlineMonoMs = Math.min(copy.deadlineMonoMs, deadlineMonoMs);
    }
  }

  /** Takes out copies from or to a node that has gone; answers their blocks. */
  forgetNode(nodeId: string): number[] {
    return this.#remove((targetId, copy) => targetId === nodeId || copy.sourceId === nodeId);
  }

  /** Takes out late copies; answers their blocks. */
  expire(monoMs: number): number[] {
    return this.#remove((_, copy) => copy.deadlineMonoMs <= monoMs);
  }

  #remove(goes: (targetId: string, copy: PendingCopy) => boolean): number[] {
    const blocks: number[] = [];
    for (const [blockId, targets] of this.#byBlock) {
      for (const [targetId, copy] of targets) {
        if (!goes(targetId, copy)) continue;
        targets.delete(targetId);
        blocks.push(blockId);
      }
      if (targets.size === 0) this.#byBlock.delete(blockId);
    }
    return blocks;
  }
}
