import { BYTES_PER_CHECKSUM, crc32c } from '../../common/checksum.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import { verifyChecksums } from '../../common/transfer/chunk-checksums.ts';
import type { OpWriteBlock } from '../../common/transfer/messages.ts';
import { type Packet, readPacket } from '../../common/transfer/packet.ts';
import { HEARTBEAT_SEQNO, STAGE, STATUS } from '../../common/transfer/protocol.ts';
import type { Wire } from '../../common/transfer/wire.ts';
import { type Chunk, FRAME_HEAD_BYTES, type Replica } from '../store/block-store.ts';
import { AckResponder } from './ack-responder.ts';
import type { TransferContext } from './data-server.ts';
import { Mirror, MirrorRefused } from './mirror.ts';
import { refusalStatus, refuse, respond } from './refusal.ts';
import { openReplica } from './replica-opening.ts';

/** A writer says at least every few seconds that it lives; stock clients do so every 30 s. */
const WRITER_SILENCE_MS = 60_000;
/** A copy without its sender is given up within that time; later, another try may have taken its place. */
const ABANDONED_COPY_MS = 30_000;
/** After a failed ack the connection stays that long for the client to read it. */
const FAILED_LINGER_MS = 2_000;

/**
 * WRITE_BLOCK: opens the replica and the next node of the pipeline, then stores, forwards and acknowledges packets until
 * the last one, a failure, or the client's end, which leaves the replica as it is.
 */
export async function receiveBlock(wire: Wire, context: TransferContext, op: OpWriteBlock): Promise<void> {
  let replica: Replica;
  try {
    replica = await openReplica(context, op);
  } catch (thrown) {
    const { blockId } = op.header.baseHeader.block;
    context.seams.log.info({ blockId, reason: QuarryError.from(thrown).message }, 'transfer.write-refused');
    refuse(wire, thrown);
    return;
  }
  const mirror = op.targets.length === 0 ? undefined : await Mirror.open(context, op);
  if (mirror instanceof MirrorRefused) {
    respond(wire, mirror);
    return;
  }
  respond(wire, { status: STATUS.SUCCESS, firstBadLink: '' });
  if (op.stage === STAGE['close-recovery']) {
    mirror?.close();
    return;
  }
  const receiver = new BlockReceiver(wire, context, replica, mirror);
  try {
    await receiver.run(op.stage !== STAGE['transfer-open']);
  } finally {
    receiver.close();
  }
}

class BlockReceiver {
  readonly #wire: Wire;
  readonly #context: TransferContext;
  readonly #blockId: number;
  readonly #stamp: number;
  readonly #responder: AckResponder;
  readonly #mirror: Mirror | undefined;
  /** The first bad status of the packets so far, when all of them have one. */
  #stored: Promise<number> = Promise.resolve(STATUS.SUCCESS);
  #failed = false;
  #lastReceived = false;
  #announced = true;
  #lastPacketMs: number;
  /** The bytes after the last full 512, when there are such: a packet that fills them up needs them. */
  #tail: Chunk | undefined;

  constructor(wire: Wire, context: TransferContext, replica: Replica, mirror: Mirror | undefined) {
    this.#wire = wire;
    this.#context = context;
    this.#blockId = replica.blockId;
    this.#stamp = replica.generationStamp;
    this.#mirror = mirror;
    this.#lastPacketMs = context.seams.clock.monoMs();
    const ackTimeoutMs = context.config['client.ackTimeoutMs'];
    const times = { heartbeatMs: ackTimeoutMs / 4, stallMs: ackTimeoutMs * 5 };
    this.#responder = new AckResponder(wire, context.seams.clock, times, () => this.#stop());
    mirror?.start((replies) => this.#mirrorFailed(replies));
  }

  /** `announced`: the finalized replica counts as one of the block. */
  async run(announced: boolean): Promise<void> {
    this.#announced = announced;
    try {
      while (!this.#lastReceived) {
        await this.#responder.room(this.#context.config['client.windowBytes']);
        const packet = await readPacket(this.#wire, true, WRITER_SILENCE_MS, this.#allocate);
        if (packet === undefined) break;
        this.#lastPacketMs = this.#context.seams.clock.monoMs();
        // After a failure the rest is read only so that the ack before it gets through.
        if (!this.#failed) await this.#accept(packet);
      }
    } finally {
      if (!this.#lastReceived) this.#mirror?.close();
      await this.#responder.idle();
      await this.#dropFailedCopy(await this.#stored);
    }
  }

  /** It would be in the way of the next try. */
  async #dropFailedCopy(status: number): Promise<void> {
    if (this.#lastReceived && status === STATUS.SUCCESS) return;
    const { store, seams } = this.#context;
    if (seams.clock.monoMs() - this.#lastPacketMs > ABANDONED_COPY_MS) return;
    const replica = store.replica(this.#blockId);
    if (replica?.state !== 'TEMPORARY' || replica.generationStamp !== this.#stamp) return;
    try {
      await store.delete(this.#blockId, this.#stamp);
    } catch (thrown) {
      this.#warn('transfer.copy-left', QuarryError.from(thrown).message);
    }
  }

  close(): void {
    this.#responder.close();
    this.#mirror?.close();
  }

  #stop(): void {
    this.#failed = true;
    const timer = this.#context.seams.clock.setTimer(FAILED_LINGER_MS, () => this.#wire.destroy());
    this.#wire.stream.once('close', () => timer.cancel());
  }

  /** The client hears of it also when nothing is on the way. */
  #mirrorFailed(replies: readonly number[]): void {
    this.#responder.push({
      seqno: HEARTBEAT_SEQNO,
      lengthBytes: 0,
      local: Promise.resolve(STATUS.SUCCESS),
      downstream: Promise.resolve(replies),
      intact: () => true,
      release: () => undefined,
    });
  }

  /** Of the packet being received, with room for the store's header before it. */
  #frame: Buffer | undefined;

  readonly #allocate = (payloadBytes: number): Buffer => {
    this.#frame = this.#context.packetBuffers.take(payloadBytes);
    return this.#frame.subarray(FRAME_HEAD_BYTES);
  };

  async #accept(packet: Packet): Promise<void> {
    const { seqno, data, dataLength, checksums } = packet;
    const frame = dataLength === 0 ? undefined : this.#frame;
    if (seqno === HEARTBEAT_SEQNO) {
      this.#mirror?.send([packet.head]);
      return;
    }
    const intact = () => verifyChecksums([data], dataLength, checksums);
    if (!intact()) {
      this.#failed = true;
      this.#warn('transfer.packet-corrupt', `packet ${seqno} at ${packet.offsetInBlock}`);
      const local = Promise.resolve(STATUS.ERROR_CHECKSUM);
      this.#responder.push({ seqno, lengthBytes: dataLength, local, intact, release: () => undefined });
      return;
    }
    this.#lastReceived = packet.last;
    // As it came: the next node checks the client's checksums.
    this.#mirror?.send(dataLength === 0 ? [packet.head] : [packet.head, packet.payload]);
    const downstream = this.#mirror?.replies(seqno);
    const local = this.#store(packet, await this.#chunkOf(packet, frame));
    this.#stored = Promise.all([this.#stored, local]).then(([before, status]) =>
      before === STATUS.SUCCESS ? status : before,
    );
    this.#responder.push({
      seqno,
      lengthBytes: dataLength,
      local,
      downstream,
      intact,
      release: () => {
        if (frame !== undefined) this.#context.packetBuffers.release(frame);
      },
    });
  }

  /** Never rejects: the failure becomes this packet's status. */
  async #store(packet: Packet, chunk: Chunk | undefined): Promise<number> {
    const { store, onReplica } = this.#context;
    try {
      if (chunk === undefined) return STATUS.ERROR;
      const before = this.#stored;
      // Handed over at once, not when the one before is done: the store keeps the order and can write them together.
      if (packet.dataLength > 0) await store.append(this.#blockId, this.#stamp, chunk);
      if (!packet.sync && !packet.last) return STATUS.SUCCESS;
      const status = await before;
      if (status !== STATUS.SUCCESS) return status;
      if (packet.last) {
        const lengthBytes = packet.offsetInBlock + packet.dataLength;
        const replica = await store.finalize(this.#blockId, this.#stamp, lengthBytes);
        if (this.#announced) onReplica({ kind: 'RECEIVED', replica });
      } else await store.sync(this.#blockId, this.#stamp);
      return STATUS.SUCCESS;
    } catch (thrown) {
      const error = QuarryError.from(thrown);
      // Those that were handed over after it fail for the same reason.
      if (!this.#failed) this.#warn('transfer.store-failed', `${error.code}: ${error.message}`);
      this.#failed = true;
      return refusalStatus(error);
    }
  }

  /** What a packet adds to the store, from the first byte of a checksum on. Undefined when what lies there is not readable. */
  async #chunkOf(packet: Packet, frame: Buffer | undefined): Promise<Chunk | undefined> {
    const { offsetInBlock, data, dataLength, checksums } = packet;
    let chunk: Chunk = { offsetBytes: offsetInBlock, data, checksums, frame };
    const inChunk = offsetInBlock % BYTES_PER_CHECKSUM;
    if (inChunk > 0 && dataLength > 0) {
      const tail = this.#tail?.data.length === inChunk ? this.#tail : await this.#readTail(offsetInBlock);
      if (tail === undefined) return undefined;
      // The CRC goes on from that of the bytes that are there, so that no damage to them is signed anew.
      const joined = Buffer.allocUnsafe(4);
      joined.writeUInt32BE(crc32c(data, tail.checksums.readUInt32BE(0)));
      chunk = { offsetBytes: tail.offsetBytes, data: Buffer.concat([tail.data, data]), checksums: joined };
    }
    if (dataLength > 0) this.#tail = tailOf(chunk);
    return chunk;
  }

  async #readTail(offset: number): Promise<Chunk | undefined> {
    await this.#stored;
    const inChunk = offset % BYTES_PER_CHECKSUM;
    try {
      for await (const chunk of this.#context.store.read(this.#blockId, offset - inChunk, inChunk)) {
        const tail = tailOf(chunk, inChunk);
        if (tail !== undefined && verifyChecksums([chunk.data], chunk.data.length, chunk.checksums))
          return tail;
      }
    } catch (thrown) {
      this.#warn('transfer.tail-unreadable', QuarryError.from(thrown).message);
    }
    return undefined;
  }

  #warn(event: string, reason: string): void {
    const { log } = this.#context.seams;
    log.warn({ blockId: this.#blockId, generationStamp: this.#stamp, reason }, event);
  }
}

/** The last bytes of a chunk that do not fill a checksum's 512, copied out of the packet they came in. */
function tailOf(chunk: Chunk, bytes = chunk.data.length % BYTES_PER_CHECKSUM): Chunk | undefined {
  const start = chunk.data.length - (chunk.data.length % BYTES_PER_CHECKSUM);
  if (bytes === 0 || start + bytes > chunk.data.length) return undefined;
  const data = Buffer.from(chunk.data.subarray(start, start + bytes));
  const checksums = Buffer.allocUnsafe(4);
  checksums.writeUInt32BE(crc32c(data));
  return { offsetBytes: chunk.offsetBytes + start, data, checksums };
}
