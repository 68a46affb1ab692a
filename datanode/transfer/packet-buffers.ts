import { checksumBytes } from '../../common/transfer/chunk-checksums.ts';
import { FRAME_HEAD_BYTES } from '../store/block-store.ts';

/** Idle buffers kept for all streams of a server: 8 MiB in packets of the default size. */
const IDLE_MAX = 32;

/**
 * Buffers that packets are received into, sent on from and stored from, used again and again: a new one for each packet
 * costs page faults, and a garbage collection every 64 MiB.
 */
export class PacketBuffers {
  readonly #capacity: number;
  readonly #idle: Buffer[] = [];
  readonly #made = new WeakSet<ArrayBufferLike>();

  /** `packetBytes` of data are in a usual packet. */
  constructor(packetBytes: number) {
    this.#capacity = FRAME_HEAD_BYTES + checksumBytes(packetBytes) + packetBytes;
  }

  /** A frame for so many bytes of checksums and data. */
  take(payloadBytes: number): Buffer {
    const lengthBytes = FRAME_HEAD_BYTES + payloadBytes;
    if (lengthBytes > this.#capacity || lengthBytes < this.#capacity / 4)
      return Buffer.allocUnsafe(lengthBytes);
    return (this.#idle.pop() ?? this.#make()).subarray(0, lengthBytes);
  }

  /** Takes back what `take` gave, when nobody reads it any more. */
  release(frame: Buffer): void {
    if (this.#made.has(frame.buffer) && this.#idle.length < IDLE_MAX) {
      this.#idle.push(Buffer.from(frame.buffer, 0, this.#capacity));
    }
  }

  #make(): Buffer {
    const buffer = Buffer.allocUnsafeSlow(this.#capacity);
    this.#made.add(buffer.buffer);
    return buffer;
  }
}
