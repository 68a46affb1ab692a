import { QuarryError } from '../quarry-error.ts';
import type { Seams } from '../seams/seams.ts';
import { blockOpResponse, opTransferBlock } from './messages.ts';
import {
  type BlockName,
  encodeOperation,
  encodeTarget,
  operationHeader,
  type TransferTarget,
} from './operation.ts';
import { OP, refusalError, STATUS } from './protocol.ts';
import { Wire } from './wire.ts';

export interface BlockTransferRequest {
  /** host:port of the datanode that has the replica. */
  readonly address: string;
  /** The replica as it is there; `lengthBytes` of it are copied when it is not finalized. */
  readonly block: BlockName;
  readonly targets: readonly TransferTarget[];
  readonly clientName: string;
  readonly poolId?: string | undefined;
  readonly connectTimeoutMs: number;
  /** For the whole copy. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Has a datanode copy its replica to others, for a node that joins a pipeline. Resolves when they have it.
 * Errors: PIPELINE_FAILED with the reason, PEER_UNREACHABLE, DEADLINE, INTERRUPTED.
 */
export async function transferBlock(
  seams: Pick<Seams, 'net' | 'clock'>,
  request: BlockTransferRequest,
): Promise<void> {
  const stream = await seams.net.connect(request.address, { timeoutMs: request.connectTimeoutMs });
  const wire = new Wire(stream, seams.clock);
  const onAbort = () => wire.destroy();
  request.signal?.addEventListener('abort', onAbort, { once: true });
  if (request.signal?.aborted) onAbort();
  try {
    wire.send([
      encodeOperation(OP.TRANSFER_BLOCK, opTransferBlock, {
        header: operationHeader(request.block, request.poolId ?? '', request.clientName),
        targets: request.targets.map(encodeTarget),
      }),
    ]);
    const answer = blockOpResponse.decode(await wire.readDelimited(request.timeoutMs));
    if (answer.status !== STATUS.SUCCESS) {
      const reason = refusalError(answer.message).message;
      throw new QuarryError(
        'PIPELINE_FAILED',
        `${request.address} did not copy block ${request.block.blockId}: ${reason}`,
      );
    }
  } catch (thrown) {
    if (request.signal?.aborted) throw new QuarryError('INTERRUPTED', 'the copy was interrupted');
    throw thrown;
  } finally {
    request.signal?.removeEventListener('abort', onAbort);
    wire.destroy();
  }
}
