import type { ReplicaState } from '../../proto/gen/quarry/ReplicaState.ts';

/** A replica of an open block as its datanode last reported it. */
export interface ReportedReplica {
  readonly stamp: number;
  readonly lengthBytes: number;
  readonly state: ReplicaState;
  readonly durable: boolean;
}

export interface BlockRecovery {
  /** Outcomes with an older stamp come from a recovery that was given up. */
  readonly stamp: number;
  readonly startedMonoMs: number;
  readonly primaryId: string;
  /** Every node that may hold the block was asked: only then may an empty outcome drop it. */
  readonly complete: boolean;
}

export interface OpenBlock {
  readonly inodeId: number;
  /** Datanode ids the writer was given. Empty after a restart, until they report. */
  expected: readonly string[];
  /** Nodes handed out as replacements: they may appear in the next pipeline. */
  offered: readonly string[];
  readonly reported: Map<string, ReportedReplica>;
  recovery: BlockRecovery | undefined;
}

/** Blocks that are being written: where they should be and what was reported of them. Memory only. */
export class ConstructionTable {
  readonly #blocks = new Map<number, OpenBlock>();

  get size(): number {
    return this.#blocks.size;
  }

  get(blockId: number): OpenBlock | undefined {
    return this.#blocks.get(blockId);
  }

  open(blockId: number, inodeId: number, expected: readonly string[]): OpenBlock {
    const block: OpenBlock = { inodeId, expected, offered: [], reported: new Map(), recovery: undefined };
    this.#blocks.set(blockId, block);
    return block;
  }

  close(blockId: number): void {
    this.#blocks.delete(blockId);
  }

  /** Every node that has, or should have, the block. */
  holders(blockId: number): string[] {
    const block = this.#blocks.get(blockId);
    return block ? [...new Set([...block.expected, ...block.offered, ...block.reported.keys()])] : [];
  }

  entries(): IterableIterator<[number, OpenBlock]> {
    return this.#blocks.entries();
  }

  /** Blocks with a replica of that node, reported or expected. */
  forgetReports(nodeId: string, except: (blockId: number) => boolean): void {
    for (const [blockId, block] of this.#blocks) if (!except(blockId)) block.reported.delete(nodeId);
  }
}
