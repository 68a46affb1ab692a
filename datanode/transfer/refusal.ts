import { QuarryError } from '../../common/quarry-error.ts';
import { type BlockOpResponse, blockOpResponse, type PoolBlock } from '../../common/transfer/messages.ts';
import { protocolViolation, refusalText, STATUS } from '../../common/transfer/protocol.ts';
import type { Wire } from '../../common/transfer/wire.ts';

/** The status that tells a client what to do with an error of this node. */
export function refusalStatus(error: QuarryError): number {
  switch (error.code) {
    case 'BLOCK_CORRUPT':
      return STATUS.ERROR_CHECKSUM;
    case 'BLOCK_NOT_FOUND':
    case 'STALE_GENERATION':
    case 'INVALID_ARGUMENT':
      return STATUS.ERROR_INVALID;
    case 'FILE_EXISTS':
      return STATUS.ERROR_EXISTS;
    case 'UNSUPPORTED':
      return STATUS.ERROR_UNSUPPORTED;
    default:
      return STATUS.ERROR;
  }
}

export function refuse(wire: Wire, thrown: unknown, firstBadLink = ''): void {
  const error = QuarryError.from(thrown);
  respond(wire, { status: refusalStatus(error), message: refusalText(error), firstBadLink });
}

export function respond(wire: Wire, response: BlockOpResponse): void {
  wire.send([blockOpResponse.encodeDelimited(response)]);
}

/** Errors: INVALID_ARGUMENT for another cluster's block, PEER_UNREACHABLE for numbers that are no ids. */
export function checkBlock(block: PoolBlock, poolId: string): void {
  if (block.poolId !== '' && block.poolId !== poolId) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `this datanode holds blocks of ${poolId}, not of ${block.poolId}`,
    );
  }
  for (const value of [block.blockId, block.generationStamp, block.numBytes]) {
    if (!Number.isSafeInteger(value) || value < 0) throw protocolViolation(`${value} in a block's name`);
  }
}
