import type { Block } from '../../proto/gen/quarry/Block.ts';
import type { DatanodeInfo } from '../../proto/gen/quarry/DatanodeInfo.ts';
import type { LocatedBlock } from '../../proto/gen/quarry/LocatedBlock.ts';
import { assert } from '../../common/assert.ts';
import type { FsContext } from './fs-context.ts';
import { locate } from './located-file.ts';
import type { ReplicaChoice } from './replica-choice.ts';

/** Where one block is, as all stretches of it know: what one has met, and where it was found again, the others need not. */
export class LocatedReplicas {
  readonly path: string;
  readonly choice: ReplicaChoice;
  readonly #context: FsContext;
  readonly #failed = new Set<string>();
  #located: LocatedBlock;

  constructor(context: FsContext, path: string, located: LocatedBlock, choice: ReplicaChoice) {
    this.#context = context;
    this.path = path;
    this.choice = choice;
    this.#located = located;
  }

  get block(): Block {
    assert(this.#located.block !== null, 'a located block has an id');
    return this.#located.block;
  }

  /** In the order to be tried; replicas that failed before come last. */
  order(): DatanodeInfo[] {
    const nodes = this.choice.order(this.#located.locations.filter((node) => !this.#failed.has(node.id)));
    return [...nodes, ...this.#located.locations.filter((node) => this.#failed.has(node.id))];
  }

  /** True the first time. */
  failed(nodeId: string): boolean {
    const isNew = !this.#failed.has(nodeId);
    this.#failed.add(nodeId);
    return isNew;
  }

  /** Asks the namenode again. False when the block is not of the file any more. Errors: FILE_NOT_FOUND. */
  async refresh(offsetBytes: number): Promise<boolean> {
    const { blocks } = await locate(this.#context, this.path, this.#located.offsetBytes + offsetBytes, 1);
    const again = blocks.find(({ block }) => block?.blockId === this.block.blockId);
    if (again === undefined) return false;
    this.#located = again;
    this.#failed.clear();
    return true;
  }
}
