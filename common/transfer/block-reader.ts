import { BYTES_PER_CHECKSUM } from '../checksum.ts';
import { hasCode, QuarryError } from '../quarry-error.ts';
import type { Seams } from '../seams/seams.ts';
import { verifyChecksums } from './chunk-checksums.ts';
import { type ConnectionPool, connectionPool } from './connection-pool.ts';
import { type BlockOpResponse, blockOpResponse, clientReadStatus, opReadBlock } from './messages.ts';
import { type BlockName, encodeOperation, operationHeader } from './operation.ts';
import { type Packet, readPacket } from './packet.ts';
import { CHECKSUM_CRC32C, CHECKSUM_NULL, OP, protocolViolation, refusalError, STATUS } from './protocol.ts';
import type { Wire } from './wire.ts';

export interface BlockReadRequest {
  /** host:port, or unix:/path. */
  readonly address: string;
  readonly block: BlockName;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  readonly clientName: string;
  /** The cluster's block pool, so that a port that another cluster has taken over refuses. Empty when not known. */
  readonly poolId?: string | undefined;
  readonly connectTimeoutMs: number;
  /** Silence of the datanode for that long while bytes are waited for is DEADLINE. */
  readonly readTimeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Where packets are received into: what `read` answers is a part of it. Without it, buffers are new and the caller's. */
  readonly allocate?: ((lengthBytes: number) => Buffer) | undefined;
}

export interface BlockReader {
  /** The next verified bytes exactly within the asked range, undefined at the end. Errors: BLOCK_CORRUPT, PEER_UNREACHABLE, DEADLINE, INTERRUPTED. */
  read(): Promise<Buffer | undefined>;
  /** Harmless at any time, also twice. */
  close(): void;
}

/** Asks a datanode for a range of a replica. Errors: BLOCK_NOT_FOUND, BLOCK_CORRUPT, PEER_UNREACHABLE, DEADLINE, INTERRUPTED. */
export async function openBlockReader(
  seams: Pick<Seams, 'net' | 'clock'>,
  request: BlockReadRequest,
): Promise<BlockReader> {
  const pool = connectionPool(seams.net, seams.clock);
  const idle = pool.takeIdle(request.address);
  if (idle !== undefined) {
    try {
      return await startRead(idle, pool, request);
    } catch (thrown) {
      // The datanode may have closed it in this moment: only a fresh connection tells.
      if (!hasCode(thrown, 'PEER_UNREACHABLE')) throw thrown;
    }
  }
  return startRead(await pool.connect(request.address, request.connectTimeoutMs), pool, request);
}

async function startRead(wire: Wire, pool: ConnectionPool, request: BlockReadRequest): Promise<BlockReader> {
  const onAbort = () => wire.destroy();
  request.signal?.addEventListener('abort', onAbort, { once: true });
  if (request.signal?.aborted) wire.destroy();
  try {
    wire.send([
      encodeOperation(OP.READ_BLOCK, opReadBlock, {
        header: operationHeader(request.block, request.poolId ?? '', request.clientName),
        offset: request.offsetBytes,
        len: request.lengthBytes,
        sendChecksums: true,
      }),
    ]);
    const answer = blockOpResponse.decode(await wire.readDelimited(request.readTimeoutMs));
    return new RemoteBlockReader(wire, pool, request, checksumKind(request, answer));
  } catch (thrown) {
    wire.destroy();
    throw request.signal?.aborted ? interrupted() : thrown;
  } finally {
    request.signal?.removeEventListener('abort', onAbort);
  }
}

/** Whether checksums come with the data. Throws what the datanode refused with. */
function checksumKind({ address, block }: BlockReadRequest, answer: BlockOpResponse): boolean {
  if (answer.status !== STATUS.SUCCESS) {
    const code =
      answer.status === STATUS.ERROR_INVALID
        ? 'BLOCK_NOT_FOUND'
        : answer.status === STATUS.ERROR_CHECKSUM
          ? 'BLOCK_CORRUPT'
          : 'PEER_UNREACHABLE';
    const reason = refusalError(answer.message).message;
    throw new QuarryError(code, `${address} does not serve block ${block.blockId}: ${reason}`, {
      details: { address, blockId: block.blockId },
    });
  }
  const checksum = answer.readOpChecksumInfo?.checksum;
  if (checksum?.type === CHECKSUM_NULL) return false;
  if (checksum?.type === CHECKSUM_CRC32C && checksum.bytesPerChecksum === BYTES_PER_CHECKSUM) return true;
  throw protocolViolation(`checksums of type ${checksum?.type}`);
}

function interrupted(): QuarryError {
  return new QuarryError('INTERRUPTED', 'the read was interrupted');
}

class RemoteBlockReader implements BlockReader {
  readonly #wire: Wire;
  readonly #pool: ConnectionPool;
  readonly #request: BlockReadRequest;
  readonly #checksummed: boolean;
  readonly #end: number;
  /** Verified pieces that were not handed out yet. */
  #ready: Buffer[] = [];
  #offset: number; // of the next byte to come from the wire, within the asked range
  #closed = false;

  constructor(wire: Wire, pool: ConnectionPool, request: BlockReadRequest, checksummed: boolean) {
    this.#wire = wire;
    this.#pool = pool;
    this.#request = request;
    this.#checksummed = checksummed;
    this.#offset = request.offsetBytes;
    this.#end = request.offsetBytes + request.lengthBytes;
    request.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  async read(): Promise<Buffer | undefined> {
    while (this.#ready.length === 0) {
      if (this.#request.signal?.aborted) throw interrupted();
      if (this.#offset >= this.#end && this.#closed) return undefined;
      if (this.#closed) throw new QuarryError('INTERRUPTED', 'the reader was closed');
      await this.#receive();
    }
    return this.#ready.shift();
  }

  close(): void {
    if (this.#closed) return;
    this.#detach();
    this.#wire.destroy();
  }

  readonly #onAbort = (): void => this.close();

  #detach(): void {
    this.#closed = true;
    this.#request.signal?.removeEventListener('abort', this.#onAbort);
  }

  async #receive(): Promise<void> {
    try {
      if (this.#offset < this.#end) this.#accept(await this.#nextPacket());
      // The exchange ends together with its last bytes: callers that count bytes never ask for the end.
      if (this.#offset >= this.#end) await this.#complete();
    } catch (thrown) {
      if (this.#ready.length > 0 && this.#offset >= this.#end) {
        // Every byte is here and verified; only the connection is of no more use.
        this.close();
        return;
      }
      const aborted = this.#request.signal?.aborted === true;
      this.close();
      throw aborted ? interrupted() : thrown;
    }
  }

  async #nextPacket(): Promise<Packet> {
    const { readTimeoutMs, allocate } = this.#request;
    const packet = await readPacket(this.#wire, this.#checksummed, readTimeoutMs, allocate);
    if (packet !== undefined) return packet;
    throw new QuarryError(
      'PEER_UNREACHABLE',
      `${this.#request.address} closed the connection within the block`,
    );
  }

  #accept(packet: Packet): void {
    const { address, block } = this.#request;
    if (packet.dataLength === 0) {
      throw protocolViolation(
        `the block ends at ${this.#offset} where bytes up to ${this.#end} were asked for`,
      );
    }
    if (this.#checksummed && !verifyChecksums([packet.data], packet.dataLength, packet.checksums)) {
      throw new QuarryError(
        'BLOCK_CORRUPT',
        `block ${block.blockId} at ${address} does not match its checksums after byte ${packet.offsetInBlock}`,
        { details: { address, blockId: block.blockId, offsetBytes: packet.offsetInBlock } },
      );
    }
    // A range that starts within a checksum's bytes is sent from their first.
    const skip = this.#offset - packet.offsetInBlock;
    if (skip < 0 || skip >= packet.dataLength)
      throw protocolViolation(`bytes of ${packet.offsetInBlock}, not ${this.#offset}`);
    const take = Math.min(packet.dataLength - skip, this.#end - this.#offset);
    this.#ready.push(packet.data.subarray(skip, skip + take));
    this.#offset += take;
  }

  /** Takes the empty last packet, says that all checksums were right and gives the connection back. */
  async #complete(): Promise<void> {
    const last = await this.#nextPacket();
    if (!last.last || last.dataLength !== 0) throw protocolViolation('more bytes than were asked for');
    this.#wire.send([clientReadStatus.encodeDelimited({ status: STATUS.CHECKSUM_OK })]);
    if (this.#closed) return;
    this.#detach();
    this.#pool.release(this.#request.address, this.#wire);
  }
}
