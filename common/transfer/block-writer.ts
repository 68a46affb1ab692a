import { BYTES_PER_CHECKSUM } from '../checksum.ts';
import { PACKET_BYTES_MAX } from '../limits.ts';
import { QuarryError } from '../quarry-error.ts';
import type { Duplex } from 'node:stream';
import type { Clock } from '../seams/clock.ts';
import type { Seams } from '../seams/seams.ts';
import { blockOpResponse, opWriteBlock } from './messages.ts';
import {
  encodeOperation,
  encodeTarget,
  operationHeader,
  type BlockName,
  type TransferTarget,
} from './operation.ts';
import { PacketPipeline } from './packet-pipeline.ts';
import { pipelineError } from './pipeline-error.ts';
import { CHECKSUM_CRC32C, OP, refusalError, STAGE, STATUS, type WriteStage } from './protocol.ts';
import { Wire } from './wire.ts';

export interface BlockWriteRequest {
  /** `lengthBytes` is where writing starts: 0 for create, else the bytes that every target keeps. */
  readonly block: BlockName;
  /** The first is connected, it connects to the rest. One target is a leg of a star. */
  readonly targets: readonly TransferTarget[];
  readonly stage: WriteStage;
  /** For the stages that re-open a replica; else the block's own. */
  readonly newGenerationStamp: number;
  /** A replica that is opened again must have that many bytes, and is cut to them. At least the block's `lengthBytes`. */
  readonly minBytesReceived: number;
  /** The most that any target can have received. */
  readonly maxBytesReceived: number;
  readonly clientName: string;
  /** The cluster's block pool, so that a port that another cluster has taken over refuses. Empty when not known. */
  readonly poolId?: string | undefined;
  readonly packetBytes: number;
  /** Bound on the bytes that are sent and not acknowledged. */
  readonly windowBytes: number;
  readonly connectTimeoutMs: number;
  /** A pipeline that says nothing for that long has failed. Datanodes send signs of life while they work. */
  readonly ackTimeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Writes one block through a pipeline. Errors of every call: PIPELINE_FAILED, BLOCK_CORRUPT (a datanode received bytes
 * that do not match their checksums), DEADLINE, NO_SPACE, INTERRUPTED; `details` has failedNode and failedIndex (into the targets)
 * when it is known which hop failed. After an error the writer is dead; `unacked` has what a next one must send.
 */
export interface BlockWriter {
  /** Offset in the block up to which every target has the bytes in its store. */
  readonly ackedBytes: number;
  /** Takes ownership of `data`, also when it rejects: do not change it, do not write it again to this writer. Resolves when the window has room. */
  write(data: Buffer): Promise<void>;
  /** Resolves when all bytes so far are acknowledged; `sync`: and survive a power cut. */
  flush(options: { readonly sync: boolean }): Promise<void>;
  /** Sends the last packet; resolves when every target has finalized the replica durably. */
  finish(): Promise<void>;
  /** Ends the connection; the replicas stay as they are. */
  abort(): void;
  /** All bytes from `ackedBytes` on that were handed to `write`. */
  unacked(): readonly Buffer[];
}

/** Connects and waits until every target has opened its replica. Errors: as BlockWriter's. */
export async function openBlockWriter(
  seams: Pick<Seams, 'net' | 'clock'>,
  request: BlockWriteRequest,
): Promise<BlockWriter> {
  checkRequest(request);
  const wire = await connectFirst(seams, request);
  const onAbort = () => wire.destroy();
  request.signal?.addEventListener('abort', onAbort, { once: true });
  try {
    wire.send([encodeOperation(OP.WRITE_BLOCK, opWriteBlock, setupMessage(request))]);
    const answer = blockOpResponse.decode(await wire.readDelimited(setupTimeoutMs(request)));
    if (answer.status !== STATUS.SUCCESS) throw refusal(request, answer.status, answer);
  } catch (thrown) {
    wire.destroy();
    throw firstHopError(request, thrown);
  } finally {
    request.signal?.removeEventListener('abort', onAbort);
  }
  if (request.stage === 'close-recovery') return new ClosedWriter(wire, request.block.lengthBytes);
  return new PacketPipeline(wire, seams.clock, request);
}

/** Datanodes wait for their next one for shares of the same sum, so that the one before a silent node speaks first. */
function setupTimeoutMs({ connectTimeoutMs, ackTimeoutMs }: BlockWriteRequest): number {
  return connectTimeoutMs + ackTimeoutMs;
}

/** A hop's error when the pipeline is being opened: the first one's, unless it says that it was the next. */
function firstHopError(request: BlockWriteRequest, thrown: unknown): QuarryError {
  if (request.signal?.aborted) return new QuarryError('INTERRUPTED', 'the write was interrupted');
  if (thrown instanceof QuarryError && 'failedIndex' in thrown.details) return thrown;
  return pipelineError(request.targets, 0, QuarryError.from(thrown));
}

async function connectFirst(
  seams: { net: Seams['net']; clock: Clock },
  request: BlockWriteRequest,
): Promise<Wire> {
  let stream: Duplex;
  try {
    stream = await seams.net.connect(request.targets[0]!.address, { timeoutMs: request.connectTimeoutMs });
  } catch (thrown) {
    throw firstHopError(request, thrown);
  }
  if (request.signal?.aborted) stream.destroy();
  return new Wire(stream, seams.clock);
}

function checkRequest({ targets, packetBytes, windowBytes }: BlockWriteRequest): void {
  if (targets.length === 0)
    throw new QuarryError('INVALID_ARGUMENT', 'a block is written to at least one datanode');
  if (
    packetBytes < BYTES_PER_CHECKSUM ||
    packetBytes % BYTES_PER_CHECKSUM !== 0 ||
    packetBytes > PACKET_BYTES_MAX / 2
  ) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `packets hold a multiple of ${BYTES_PER_CHECKSUM} bytes up to ${PACKET_BYTES_MAX / 2}, not ${packetBytes}: set client.packetBytes`,
    );
  }
  if (windowBytes < packetBytes) {
    throw new QuarryError('INVALID_ARGUMENT', 'the window holds at least one packet: set client.windowBytes');
  }
}

function setupMessage(request: BlockWriteRequest) {
  return {
    header: operationHeader(request.block, request.poolId ?? '', request.clientName),
    targets: request.targets.slice(1).map(encodeTarget),
    stage: STAGE[request.stage],
    pipelineSize: request.targets.length,
    minBytesRcvd: Math.max(request.minBytesReceived, request.block.lengthBytes),
    maxBytesRcvd: request.maxBytesReceived,
    latestGenerationStamp: request.newGenerationStamp,
    requestedChecksum: { type: CHECKSUM_CRC32C, bytesPerChecksum: BYTES_PER_CHECKSUM },
  };
}

function refusal(
  request: BlockWriteRequest,
  status: number,
  answer: { firstBadLink?: string; message?: string },
): QuarryError {
  const named = request.targets.findIndex((target, i) => i > 0 && target.address === answer.firstBadLink);
  return pipelineError(request.targets, Math.max(0, named), refusalError(answer.message), status);
}

/** Close recovery finalizes during the setup: there is nothing left to send. */
class ClosedWriter implements BlockWriter {
  readonly ackedBytes: number;

  constructor(wire: Wire, lengthBytes: number) {
    this.ackedBytes = lengthBytes;
    wire.destroy();
  }

  write(): Promise<void> {
    return Promise.reject(
      new QuarryError('INVALID_ARGUMENT', 'the block is closed: bytes that are left need streaming-recovery'),
    );
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  finish(): Promise<void> {
    return Promise.resolve();
  }

  abort(): void {}

  unacked(): readonly Buffer[] {
    return [];
  }
}
