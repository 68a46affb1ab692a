import { QuarryError } from '../../common/quarry-error.ts';
import type { Config } from '../../common/config.ts';
import type { Seams } from '../../common/seams/seams.ts';
import { openBlockWriter } from '../../common/transfer/block-writer.ts';
import { verifyChecksums } from '../../common/transfer/chunk-checksums.ts';
import type { BlockName, TransferTarget } from '../../common/transfer/operation.ts';
import type { BlockStore, Replica } from '../store/block-store.ts';
import { readAhead } from './read-ahead.ts';
import type { SendPace } from './send-pace.ts';

export interface CopyRequest {
  /** The stamp must be the replica's. For a replica still being written, the copy has `lengthBytes` of it. */
  readonly block: BlockName;
  readonly targets: readonly TransferTarget[];
  readonly clientName: string;
  readonly poolId: string;
  /** Undefined for no bound. */
  readonly pace: SendPace | undefined;
  readonly config: Config;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Sends a local replica to other datanodes, which have it durably when this resolves. Errors: BLOCK_NOT_FOUND,
 * STALE_GENERATION, INVALID_ARGUMENT (fewer bytes than asked for), BLOCK_CORRUPT (the local replica when `details` has no
 * failedNode), and those of BlockWriter.
 */
export async function copyBlock(
  seams: Pick<Seams, 'net' | 'clock'>,
  store: BlockStore,
  request: CopyRequest,
): Promise<void> {
  const replica = sourceReplica(store, request.block);
  const finalized = replica.state === 'FINALIZED';
  const lengthBytes = finalized ? replica.lengthBytes : request.block.lengthBytes;
  const { config } = request;
  const writer = await openBlockWriter(seams, {
    block: { blockId: replica.blockId, generationStamp: replica.generationStamp, lengthBytes: 0 },
    targets: request.targets,
    // A copy of an unfinished replica counts only when a recovery takes it into the pipeline.
    stage: finalized ? 'transfer' : 'transfer-open',
    newGenerationStamp: replica.generationStamp,
    minBytesReceived: 0,
    maxBytesReceived: lengthBytes,
    clientName: request.clientName,
    poolId: request.poolId,
    packetBytes: config['client.packetBytes'],
    windowBytes: config['client.windowBytes'],
    connectTimeoutMs: config['client.connectTimeoutMs'],
    ackTimeoutMs: config['client.ackTimeoutMs'],
    signal: request.signal,
  });
  try {
    for await (const data of verifiedBytes(store, replica.blockId, lengthBytes)) {
      await writer.write(data);
      await request.pace?.sent(data.length, request.signal);
    }
    await writer.finish();
  } catch (thrown) {
    writer.abort();
    throw thrown;
  }
}

function sourceReplica(store: BlockStore, block: BlockName): Replica {
  const replica = store.replica(block.blockId);
  if (replica === undefined || replica.state === 'TEMPORARY') {
    throw new QuarryError('BLOCK_NOT_FOUND', `there is no replica of block ${block.blockId} to copy`);
  }
  if (replica.generationStamp !== block.generationStamp) {
    throw new QuarryError(
      'STALE_GENERATION',
      `the replica of block ${block.blockId} has stamp ${replica.generationStamp}, not ${block.generationStamp}`,
    );
  }
  if (replica.lengthBytes < block.lengthBytes) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `the replica of block ${block.blockId} has ${replica.lengthBytes} bytes, fewer than ${block.lengthBytes}`,
    );
  }
  return replica;
}

/** What leaves this node is compared with the checksums it came with; new ones over damaged bytes would hide the damage. */
async function* verifiedBytes(
  store: BlockStore,
  blockId: number,
  lengthBytes: number,
): AsyncGenerator<Buffer> {
  if (lengthBytes === 0) return;
  for await (const { offsetBytes, data, checksums } of readAhead(store.read(blockId, 0, lengthBytes))) {
    if (!verifyChecksums([data], data.length, checksums)) {
      throw new QuarryError(
        'BLOCK_CORRUPT',
        `block ${blockId} does not match its checksums after byte ${offsetBytes}`,
      );
    }
    yield data.subarray(0, lengthBytes - offsetBytes);
  }
}
