import { BYTES_PER_CHECKSUM } from '../../common/checksum.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { OpWriteBlock } from '../../common/transfer/messages.ts';
import { CHECKSUM_CRC32C, protocolViolation, STAGE } from '../../common/transfer/protocol.ts';
import type { Replica } from '../store/block-store.ts';
import type { TransferContext } from './data-server.ts';
import { checkBlock } from './refusal.ts';

/**
 * Opens the local replica for a WRITE_BLOCK. Errors: those of BlockStore's create and reopen; INVALID_ARGUMENT when this
 * node has fewer bytes than the pipeline agreed on; UNSUPPORTED for checksums other than CRC32C of 512 bytes.
 */
export async function openReplica(context: TransferContext, op: OpWriteBlock): Promise<Replica> {
  const { block } = op.header.baseHeader;
  checkBlock(block, context.poolId());
  const { type, bytesPerChecksum } = op.requestedChecksum;
  if (type !== CHECKSUM_CRC32C || bytesPerChecksum !== BYTES_PER_CHECKSUM) {
    throw new QuarryError(
      'UNSUPPORTED',
      'blocks are stored with CRC32C of 512 bytes: set dfs.checksum.type=CRC32C and dfs.bytes-per-checksum=512',
    );
  }
  switch (op.stage) {
    case STAGE.create: {
      const replica = await context.store.create(block.blockId, block.generationStamp, 'RBW');
      context.onReplica({ kind: 'RECEIVING', replica });
      return replica;
    }
    case STAGE.transfer:
    case STAGE['transfer-open']:
      return context.store.create(block.blockId, block.generationStamp, 'TEMPORARY');
    case STAGE.append:
    case STAGE['append-recovery']:
    case STAGE['streaming-recovery']:
      return reopen(context, op);
    case STAGE['close-recovery']: {
      const open = await reopen(context, op);
      const replica = await context.store.finalize(open.blockId, open.generationStamp, open.lengthBytes);
      context.onReplica({ kind: 'RECEIVED', replica });
      return replica;
    }
    default:
      throw protocolViolation(`stage ${op.stage}`);
  }
}

async function reopen(context: TransferContext, op: OpWriteBlock): Promise<Replica> {
  const { block } = op.header.baseHeader;
  const stamp = op.latestGenerationStamp;
  if (!Number.isSafeInteger(stamp) || stamp < block.generationStamp)
    throw protocolViolation(`stamp ${stamp}`);
  const there = context.store.replica(block.blockId);
  if (there === undefined || there.state === 'TEMPORARY') {
    throw new QuarryError('BLOCK_NOT_FOUND', `there is no replica of block ${block.blockId}`);
  }
  if (
    op.stage === STAGE.append &&
    (there.state !== 'FINALIZED' || there.generationStamp !== block.generationStamp)
  ) {
    throw new QuarryError(
      'STALE_GENERATION',
      `block ${block.blockId} is ${there.state} with stamp ${there.generationStamp}`,
    );
  }
  // Stock clients put the block size into the block itself; what the pipeline agreed on is the least it must have.
  const agreedBytes = op.minBytesRcvd;
  if (!Number.isSafeInteger(agreedBytes) || agreedBytes < 0)
    throw protocolViolation(`a length of ${agreedBytes}`);
  if (there.lengthBytes < agreedBytes) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `the replica of block ${block.blockId} has ${there.lengthBytes} bytes, fewer than the agreed ${agreedBytes}`,
    );
  }
  const replica = await context.store.reopen(block.blockId, stamp, agreedBytes);
  context.onReplica({ kind: 'RECEIVING', replica });
  return replica;
}
