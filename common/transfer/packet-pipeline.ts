import { BYTES_PER_CHECKSUM } from '../checksum.ts';
import { QuarryError } from '../quarry-error.ts';
import type { Clock, Timer } from '../seams/clock.ts';
import type { BlockWriteRequest, BlockWriter } from './block-writer.ts';
import { computeChecksums, verifyChecksums } from './chunk-checksums.ts';
import { OutgoingBytes } from './outgoing-bytes.ts';
import { encodePacketHead } from './packet.ts';
import { decodePipelineAck, firstFailure, type PipelineAck } from './pipeline-ack.ts';
import { pipelineError } from './pipeline-error.ts';
import { HEARTBEAT_SEQNO, protocolViolation, statusName, STATUS } from './protocol.ts';
import type { Wire } from './wire.ts';

interface SentPacket {
  readonly seqno: number;
  readonly offset: number;
  readonly length: number;
  readonly data: readonly Buffer[];
  readonly checksums: Buffer;
}

interface Waiter {
  readonly ready: () => boolean;
  readonly resolve: () => void;
  readonly reject: (error: QuarryError) => void;
}

/**
 * The sending end of an opened pipeline: cuts bytes into packets, keeps each until all targets have acknowledged it, and
 * never has more than a window of them on the way. Packets start on a checksum's first byte, but for the one that fills
 * up what a flush or the block's earlier end left open.
 */
export class PacketPipeline implements BlockWriter {
  readonly #wire: Wire;
  readonly #clock: Clock;
  readonly #request: BlockWriteRequest;
  readonly #outgoing = new OutgoingBytes();
  readonly #inFlight: SentPacket[] = [];
  #inFlightBytes = 0;
  #nextOffset: number;
  #nextSeqno = 0;
  #ackedSeqno = -1;
  #ackedBytes: number;
  /** Bytes up to here go out at once, also in a packet that is not full. */
  #pushTo = 0;
  #failure: QuarryError | undefined;
  #finished = false;
  #waiters: Waiter[] = [];
  #sentSinceBeat = false;
  #heartbeat: Timer;

  constructor(wire: Wire, clock: Clock, request: BlockWriteRequest) {
    this.#wire = wire;
    this.#clock = clock;
    this.#request = request;
    this.#nextOffset = request.block.lengthBytes;
    this.#ackedBytes = request.block.lengthBytes;
    this.#heartbeat = this.#beatLater();
    request.signal?.addEventListener('abort', this.#onAbort, { once: true });
    if (request.signal?.aborted) this.#onAbort();
    void this.#readAcks();
  }

  get ackedBytes(): number {
    return this.#ackedBytes;
  }

  write(data: Buffer): Promise<void> {
    this.#outgoing.push(data);
    this.#pump();
    return this.#until(() => this.#outgoing.length < this.#request.packetBytes);
  }

  async flush({ sync }: { readonly sync: boolean }): Promise<void> {
    await this.#pushed();
    const seqno = sync ? this.#sendControl({ last: false, sync: true }) : this.#nextSeqno - 1;
    await this.#until(() => this.#ackedSeqno >= seqno);
  }

  async finish(): Promise<void> {
    await this.#pushed();
    const seqno = this.#sendControl({ last: true, sync: false });
    await this.#until(() => this.#ackedSeqno >= seqno);
  }

  abort(): void {
    this.#fail(new QuarryError('INTERRUPTED', 'the write was aborted'));
  }

  unacked(): readonly Buffer[] {
    return [...this.#inFlight.flatMap((packet) => packet.data), ...this.#outgoing.all()];
  }

  readonly #onAbort = (): void => this.abort();

  /** Resolves when everything written so far has been sent. */
  #pushed(): Promise<void> {
    this.#pushTo = this.#nextOffset + this.#outgoing.length;
    this.#pump();
    const target = this.#pushTo;
    return this.#until(() => this.#nextOffset >= target);
  }

  #pump(): void {
    while (this.#failure === undefined && this.#outgoing.length > 0) {
      const length = this.#nextPacketLength();
      if (length === 0) return;
      if (this.#inFlight.length > 0 && this.#inFlightBytes + length > this.#request.windowBytes) return;
      const data = this.#outgoing.take(length);
      const checksums = computeChecksums(data, length);
      this.#send(data, length, checksums, { last: false, sync: false });
      this.#nextOffset += length;
    }
  }

  /** 0 while a packet is still being gathered. */
  #nextPacketLength(): number {
    const inChunk = this.#nextOffset % BYTES_PER_CHECKSUM;
    const full = inChunk === 0 ? this.#request.packetBytes : BYTES_PER_CHECKSUM - inChunk;
    const there = this.#outgoing.length;
    if (there >= full) return full;
    return this.#nextOffset + there <= this.#pushTo ? there : 0;
  }

  #sendControl(flags: { last: boolean; sync: boolean }): number {
    if (this.#failure !== undefined) throw this.#failure;
    return this.#send([], 0, Buffer.alloc(0), flags);
  }

  #send(data: Buffer[], length: number, checksums: Buffer, flags: { last: boolean; sync: boolean }): number {
    const seqno = this.#nextSeqno++;
    const offset = this.#nextOffset;
    const head = encodePacketHead(
      { offsetInBlock: offset, seqno, dataLength: length, last: flags.last, sync: flags.sync },
      checksums.length,
    );
    this.#inFlight.push({ seqno, offset, length, data, checksums });
    this.#inFlightBytes += length;
    if (flags.last) this.#finished = true;
    this.#sentSinceBeat = true;
    this.#wire.send(checksums.length === 0 ? [head] : [head, checksums, ...data]);
    return seqno;
  }

  async #readAcks(): Promise<void> {
    try {
      while (this.#failure === undefined) {
        this.#acknowledge(decodePipelineAck(await this.#wire.readDelimited(this.#request.ackTimeoutMs)));
        if (this.#finished && this.#inFlight.length === 0) {
          this.#release();
          this.#wire.endGracefully(this.#request.ackTimeoutMs);
          return;
        }
      }
    } catch (thrown) {
      this.#fail(pipelineError(this.#request.targets, 0, QuarryError.from(thrown)));
    }
  }

  #acknowledge(ack: PipelineAck): void {
    const failed = firstFailure(ack.replies);
    if (failed >= 0) {
      this.#fail(this.#hopError(failed, ack));
      return;
    }
    if (ack.seqno === HEARTBEAT_SEQNO) return;
    const packet = this.#inFlight.shift();
    if (packet?.seqno !== ack.seqno) {
      if (packet !== undefined) this.#inFlight.unshift(packet);
      throw protocolViolation(`an ack of packet ${ack.seqno} where ${packet?.seqno ?? 'none'} was due`);
    }
    this.#inFlightBytes -= packet.length;
    this.#ackedBytes = packet.offset + packet.length;
    this.#ackedSeqno = packet.seqno;
    this.#pump();
    this.#wake();
  }

  #hopError(failed: number, ack: PipelineAck): QuarryError {
    const status = ack.replies[failed]!;
    const packet = this.#inFlight[0];
    if (
      status === STATUS.ERROR_CHECKSUM &&
      packet !== undefined &&
      !verifyChecksums(packet.data, packet.length, packet.checksums)
    ) {
      // Blaming a datanode for bytes that are wrong here would expel good nodes one after another.
      return new QuarryError(
        'BLOCK_CORRUPT',
        'data changed after it was handed to write: do not reuse its buffer',
      );
    }
    const cause = new QuarryError('PIPELINE_FAILED', `it answered ${statusName(status)}`);
    return pipelineError(this.#request.targets, failed, cause, status);
  }

  #beatLater(): Timer {
    // Twice within what the datanodes take for silence.
    return this.#clock.setTimer(this.#request.ackTimeoutMs / 2, () => {
      if (!this.#sentSinceBeat) {
        const beat = { offsetInBlock: 0, seqno: HEARTBEAT_SEQNO, last: false, dataLength: 0, sync: false };
        this.#wire.send([encodePacketHead(beat, 0)]);
      }
      this.#sentSinceBeat = false;
      this.#heartbeat = this.#beatLater();
    });
  }

  #until(ready: () => boolean): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (ready()) return Promise.resolve();
    return new Promise((resolve, reject) => this.#waiters.push({ ready, resolve, reject }));
  }

  #wake(): void {
    const still: Waiter[] = [];
    for (const waiter of this.#waiters) {
      if (this.#failure !== undefined) waiter.reject(this.#failure);
      else if (waiter.ready()) waiter.resolve();
      else still.push(waiter);
    }
    this.#waiters = still;
  }

  #fail(error: QuarryError): void {
    if (this.#failure !== undefined || (this.#finished && this.#inFlight.length === 0)) return;
    this.#failure = error;
    this.#release();
    this.#wire.destroy();
    this.#wake();
  }

  #release(): void {
    this.#heartbeat.cancel();
    this.#request.signal?.removeEventListener('abort', this.#onAbort);
  }
}
