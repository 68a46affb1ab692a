import type { OpTransferBlock } from '../../common/transfer/messages.ts';
import { decodeTarget } from '../../common/transfer/operation.ts';
import { STATUS } from '../../common/transfer/protocol.ts';
import type { Wire } from '../../common/transfer/wire.ts';
import { copyBlock } from './block-copier.ts';
import type { TransferContext } from './data-server.ts';
import { checkBlock, refuse, respond } from './refusal.ts';

/** TRANSFER_BLOCK: a client brings a new node into its pipeline with this node's copy. Answered when the copy is complete. */
export async function answerTransfer(
  wire: Wire,
  context: TransferContext,
  op: OpTransferBlock,
): Promise<void> {
  const { block } = op.header.baseHeader;
  const cancelled = new AbortController();
  const onClose = () => cancelled.abort();
  wire.stream.once('close', onClose);
  try {
    checkBlock(block, context.poolId());
    await copyBlock(context.seams, context.store, {
      block: { ...block, lengthBytes: block.numBytes },
      targets: op.targets.map(decodeTarget),
      clientName: op.header.clientName,
      poolId: context.poolId(),
      // A writer is waiting.
      pace: undefined,
      config: context.config,
      signal: cancelled.signal,
    });
    respond(wire, { status: STATUS.SUCCESS });
  } catch (thrown) {
    refuse(wire, thrown);
  } finally {
    wire.stream.off('close', onClose);
  }
}
