import { QuarryError } from '../../common/quarry-error.ts';
import type { PoolBlock } from '../../common/transfer/messages.ts';
import type { Replica } from '../store/block-store.ts';
import type { TransferContext } from './data-server.ts';
import { checkBlock } from './refusal.ts';

/** The replica that a reader may see. Errors: BLOCK_NOT_FOUND (none, an older one, or a copy that is not complete), INVALID_ARGUMENT. */
export function readableReplica({ store, poolId }: TransferContext, block: PoolBlock): Replica {
  checkBlock(block, poolId());
  const replica = store.replica(block.blockId);
  if (
    replica === undefined ||
    replica.state === 'TEMPORARY' ||
    replica.generationStamp < block.generationStamp
  ) {
    throw new QuarryError(
      'BLOCK_NOT_FOUND',
      `there is no replica of block ${block.blockId} with stamp ${block.generationStamp}`,
    );
  }
  return replica;
}
