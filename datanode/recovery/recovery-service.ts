import { hasCode, QuarryError } from '../../common/quarry-error.ts';
import { datanodeRecoveryService } from '../../common/rpc/services.ts';
import type { RpcServer } from '../../common/seams/rpc.ts';
import type { Block } from '../../proto/gen/quarry/Block.ts';
import type { ReplicaRecoveryInfoInput } from '../../proto/gen/quarry/ReplicaRecoveryInfo.ts';
import type { UpdateReplicaReplyInput } from '../../proto/gen/quarry/UpdateReplicaReply.ts';
import { type OnReplica, replicaInfo } from '../report/replica-info.ts';
import type { BlockStore } from '../store/block-store.ts';

/** What a recovery does with this node's replicas. The primary calls it for its own replica without the network. */
export class ReplicaRecovery {
  readonly #store: BlockStore;
  readonly #onReplica: OnReplica;

  constructor(store: BlockStore, onReplica: OnReplica) {
    this.#store = store;
    this.#onReplica = onReplica;
  }

  /** No writer with an older stamp changes the replica from here on. Errors: STALE_GENERATION. */
  async init(block: Block, recoveryStamp: number): Promise<ReplicaRecoveryInfoInput> {
    try {
      const replica = await this.#store.startRecovery(block.blockId, recoveryStamp);
      return { found: true, replica: replicaInfo(replica), durableLengthBytes: replica.durableLengthBytes };
    } catch (thrown) {
      if (hasCode(thrown, 'BLOCK_NOT_FOUND')) return { found: false };
      throw thrown;
    }
  }

  /** Durable when it resolves; the namenode hears of it at once. Errors: BLOCK_NOT_FOUND, STALE_GENERATION, INVALID_ARGUMENT. */
  async update(block: Block, recoveryStamp: number, lengthBytes: number): Promise<UpdateReplicaReplyInput> {
    const replica = await this.#store.completeRecovery(block.blockId, recoveryStamp, lengthBytes);
    this.#onReplica({ kind: 'RECEIVED', replica });
    const { blockId, generationStamp } = replica;
    return { block: { blockId, generationStamp, lengthBytes: replica.lengthBytes }, durable: true };
  }

  /** What a reader of an open file may read here. Errors: BLOCK_NOT_FOUND, STALE_GENERATION. */
  visibleLength(block: Block): number {
    const replica = this.#store.replica(block.blockId);
    if (replica === undefined || replica.state === 'TEMPORARY') {
      throw new QuarryError('BLOCK_NOT_FOUND', `block ${block.blockId} is not on this node`);
    }
    if (replica.generationStamp < block.generationStamp) {
      throw new QuarryError('STALE_GENERATION', `block ${block.blockId} is outdated on this node`);
    }
    return replica.lengthBytes;
  }

  serve(server: RpcServer): void {
    const service = datanodeRecoveryService();
    server.handle(service.InitReplicaRecovery, (request) =>
      this.init(named(request.block), request.recoveryStamp),
    );
    server.handle(service.UpdateReplicaUnderRecovery, (request) =>
      this.update(named(request.block), request.recoveryStamp, request.lengthBytes),
    );
    server.handle(service.GetReplicaVisibleLength, async (request) => ({
      lengthBytes: this.visibleLength(named(request.block)),
    }));
  }
}

function named(block: Block | null): Block {
  if (block === null) throw new QuarryError('INVALID_ARGUMENT', 'the request names no block');
  return block;
}
