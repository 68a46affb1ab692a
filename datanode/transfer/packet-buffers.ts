import { checksumBytes } from '../../common/transfer/chunk-checksums.ts';
import { ReusedBuffers } from '../../common/transfer/reused-buffers.ts';
import { FRAME_HEAD_BYTES } from '../store/block-store.ts';

/** Idle buffers kept for all streams of a server: 8 MiB in packets of the default size. */
const IDLE_MAX = 32;

/** Buffers that packets are received into, sent on from and stored from. */
export class PacketBuffers {
  readonly #frames: ReusedBuffers;

  /** `packetBytes` of data are in a usual packet. */
  constructor(packetBytes: number) {
    this.#frames = new ReusedBuffers(FRAME_HEAD_BYTES + checksumBytes(packetBytes) + packetBytes, IDLE_MAX);
  }

  /** A frame for so many bytes of checksums and data. */
  take(payloadBytes: number): Buffer {
    return this.#frames.take(FRAME_HEAD_BYTES + payloadBytes);
  }

  /** Takes back what `take` gave, when nobody reads it any more. */
  release(frame: Buffer): void {
    this.#frames.release(frame);
  }
}
