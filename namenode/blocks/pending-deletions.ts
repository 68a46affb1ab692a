import { deletionKey } from '../namespace/keys.ts';
import { type DeletionRecord, DELETIONS } from '../namespace/records.ts';
import type { Transaction } from '../namespace/transaction.ts';

/** Blocks that were taken out of the namespace while datanodes still hold them. Durable, so that a restart finishes the work. */
export class PendingDeletions {
  readonly #records = new Map<number, DeletionRecord>();

  get size(): number {
    return this.#records.size;
  }

  get(blockId: number): DeletionRecord | undefined {
    return this.#records.get(blockId);
  }

  load(record: DeletionRecord): void {
    this.#records.set(record.blockId, record);
  }

  /** The block must go from these nodes. */
  add(tx: Transaction, blockId: number, stamp: number, nodeIds: readonly string[]): void {
    const before = this.#records.get(blockId);
    const record = {
      blockId,
      stamp: Math.max(stamp, before?.stamp ?? 0),
      nodeIds: [...new Set([...(before?.nodeIds ?? []), ...nodeIds])],
    };
    tx.put(DELETIONS, deletionKey(blockId), record);
    tx.afterward(() => this.#records.set(blockId, record));
  }

  /** The node has no replica of the block any more. */
  confirm(tx: Transaction, blockId: number, nodeId: string): void {
    const before = this.#records.get(blockId);
    if (!before?.nodeIds.includes(nodeId)) return;
    const nodeIds = before.nodeIds.filter((id) => id !== nodeId);
    // Several confirmations may share one command, so memory changes at once; a report never fails half way.
    if (nodeIds.length > 0) {
      const record = { ...before, nodeIds };
      tx.put(DELETIONS, deletionKey(blockId), record);
      this.#records.set(blockId, record);
    } else {
      tx.delete(DELETIONS, deletionKey(blockId));
      this.#records.delete(blockId);
    }
  }

  of(nodeId: string): DeletionRecord[] {
    return [...this.#records.values()].filter((record) => record.nodeIds.includes(nodeId));
  }
}
