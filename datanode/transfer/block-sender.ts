import { BYTES_PER_CHECKSUM } from '../../common/checksum.ts';
import { hasCode, QuarryError } from '../../common/quarry-error.ts';
import { checksumBytes, verifyChecksums } from '../../common/transfer/chunk-checksums.ts';
import { blockOpResponse, clientReadStatus, type OpReadBlock } from '../../common/transfer/messages.ts';
import { encodePacketHead } from '../../common/transfer/packet.ts';
import { CHECKSUM_CRC32C, CHECKSUM_NULL, protocolViolation, STATUS } from '../../common/transfer/protocol.ts';
import type { Wire } from '../../common/transfer/wire.ts';
import type { BlockStore, Chunk, Replica } from '../store/block-store.ts';
import type { TransferContext } from './data-server.ts';
import { readAhead } from './read-ahead.ts';
import { readableReplica } from './readable-replica.ts';
import { refuse } from './refusal.ts';

const PACKET_BYTES = 256 * 1024;
/** A reader may pause for that long before its stream is given to someone else. */
const SEND_TIMEOUT_MS = 480_000;
const STATUS_TIMEOUT_MS = 60_000;

/** READ_BLOCK: stored bytes with their stored checksums, then an empty packet. True when the connection may be used again. */
export async function sendBlock(wire: Wire, context: TransferContext, op: OpReadBlock): Promise<boolean> {
  let replica: Replica;
  let chunks: AsyncGenerator<Chunk>;
  let first: IteratorResult<Chunk, unknown>;
  try {
    replica = replicaFor(context, op);
    chunks = readAhead(rangeOf(context.store, op));
  } catch (thrown) {
    refuse(wire, thrown);
    return true;
  }
  try {
    // Before the answer, so that what is wrong with the first bytes can still be said.
    first = await chunks.next();
  } catch (thrown) {
    reportCorrupt(context, replica, thrown);
    refuse(wire, thrown);
    return true;
  }
  const sender = new PacketSender(wire, op);
  try {
    for (let next = first; next.done !== true; next = await chunks.next()) await sender.send(next.value);
  } catch (thrown) {
    reportCorrupt(context, replica, thrown);
    throw thrown;
  } finally {
    await chunks.return(undefined);
  }
  sender.sendLast();
  return readStatus(wire, context, op);
}

async function readStatus(wire: Wire, context: TransferContext, op: OpReadBlock): Promise<boolean> {
  // Clients that have what they want may leave without a word.
  if (!(await wire.more(1, STATUS_TIMEOUT_MS))) return false;
  const { status } = clientReadStatus.decode(await wire.readDelimited(STATUS_TIMEOUT_MS));
  if (status === STATUS.ERROR_CHECKSUM) {
    const { blockId } = op.header.baseHeader.block;
    context.seams.log.warn({ blockId, client: op.header.clientName }, 'transfer.client-saw-corruption');
  }
  return true;
}

function reportCorrupt(context: TransferContext, replica: Replica, thrown: unknown): void {
  if (!hasCode(thrown, 'BLOCK_CORRUPT')) return;
  context.seams.log.warn({ blockId: replica.blockId, reason: thrown.message }, 'transfer.replica-corrupt');
  context.onReplica({ kind: 'CORRUPT', replica });
}

/** Errors: BLOCK_NOT_FOUND, INVALID_ARGUMENT. */
function replicaFor(context: TransferContext, op: OpReadBlock): Replica {
  const replica = readableReplica(context, op.header.baseHeader.block);
  if (!Number.isSafeInteger(op.offset) || !Number.isSafeInteger(op.len))
    throw protocolViolation('a range that is none');
  if (op.offset + op.len > replica.lengthBytes) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `the replica of block ${replica.blockId} has ${replica.lengthBytes} bytes, not ${op.offset + op.len}`,
    );
  }
  return replica;
}

async function* rangeOf(store: BlockStore, op: OpReadBlock): AsyncGenerator<Chunk> {
  if (op.len === 0) return;
  const start = op.offset - (op.offset % BYTES_PER_CHECKSUM);
  const end = Math.ceil((op.offset + op.len) / BYTES_PER_CHECKSUM) * BYTES_PER_CHECKSUM;
  // A client that gets the checksums checks them: doing it here too would only cost.
  const options = { verify: !op.sendChecksums };
  for await (const chunk of store.read(op.header.baseHeader.block.blockId, op.offset, op.len, options)) {
    const from = Math.max(0, start - chunk.offsetBytes);
    const to = Math.min(chunk.data.length, end - chunk.offsetBytes);
    yield from === 0 && to === chunk.data.length ? chunk : sliceOf(chunk, from, to);
  }
}

/** `from` lies on a checksum's first byte. */
function sliceOf(chunk: Chunk, from: number, to: number): Chunk {
  const firstChecksum = (from / BYTES_PER_CHECKSUM) * 4;
  return {
    offsetBytes: chunk.offsetBytes + from,
    data: chunk.data.subarray(from, to),
    checksums: chunk.checksums.subarray(firstChecksum, firstChecksum + checksumBytes(to - from)),
  };
}

/** Cuts chunks into packets. The answer to the request leaves together with the first one. */
class PacketSender {
  readonly #wire: Wire;
  readonly #op: OpReadBlock;
  #seqno = 0;
  #pending: Buffer[];
  #offset: number;

  constructor(wire: Wire, op: OpReadBlock) {
    this.#wire = wire;
    this.#op = op;
    this.#offset = op.offset - (op.offset % BYTES_PER_CHECKSUM);
    this.#pending = [
      blockOpResponse.encodeDelimited({
        status: STATUS.SUCCESS,
        readOpChecksumInfo: {
          checksum: {
            type: op.sendChecksums ? CHECKSUM_CRC32C : CHECKSUM_NULL,
            bytesPerChecksum: BYTES_PER_CHECKSUM,
          },
          chunkOffset: this.#offset,
        },
      }),
    ];
  }

  async send(chunk: Chunk): Promise<void> {
    this.#check(chunk);
    for (let from = 0; from < chunk.data.length; from += PACKET_BYTES) {
      const to = Math.min(chunk.data.length, from + PACKET_BYTES);
      const piece = from === 0 && to === chunk.data.length ? chunk : sliceOf(chunk, from, to);
      const checksums = this.#op.sendChecksums ? [piece.checksums] : [];
      this.#write(piece.data.length, [...checksums, piece.data], false);
      await this.#wire.drained(SEND_TIMEOUT_MS);
    }
  }

  sendLast(): void {
    this.#write(0, [], true);
  }

  #check(chunk: Chunk): void {
    if (chunk.offsetBytes !== this.#offset || this.#offset % BYTES_PER_CHECKSUM !== 0) {
      throw new QuarryError(
        'BLOCK_CORRUPT',
        `bytes from ${chunk.offsetBytes} follow ${this.#offset} in the store`,
      );
    }
    // Without checksums on the wire nobody else can; the store's own check does not compare them one by one.
    if (!this.#op.sendChecksums && !verifyChecksums([chunk.data], chunk.data.length, chunk.checksums)) {
      throw new QuarryError(
        'BLOCK_CORRUPT',
        `the bytes at ${chunk.offsetBytes} do not match their checksums`,
      );
    }
  }

  #write(dataLength: number, payload: readonly Buffer[], last: boolean): void {
    const head = encodePacketHead(
      { offsetInBlock: this.#offset, seqno: this.#seqno++, last, dataLength, sync: false },
      payload.length === 2 ? payload[0]!.length : 0,
    );
    this.#wire.send([...this.#pending, head, ...payload]);
    this.#pending = [];
    this.#offset += dataLength;
  }
}
