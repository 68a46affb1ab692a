import type { Duplex } from 'node:stream';
import type { ByteSource } from '../common/seams/net.ts';

/** Bytes that are no frames. */
export class FrameLengthError extends RangeError {
  readonly lengthBytes: number;

  constructor(lengthBytes: number) {
    super(`a frame of ${lengthBytes} bytes`);
    this.lengthBytes = lengthBytes;
  }
}

/**
 * Cuts a byte stream into frames of a 32-bit big-endian length and that many bytes (Kafka's framing, and the embedded
 * log's). Each frame is a buffer of its own, written once: records are handed on as slices of it.
 */
export class FrameReader {
  readonly #onFrame: (frame: Buffer) => void;
  readonly #lengthMax: number;
  readonly #head = Buffer.allocUnsafe(4);
  #headBytes = 0;
  #frame: Buffer | undefined;
  #frameBytes = 0;

  constructor(lengthMax: number, onFrame: (frame: Buffer) => void) {
    this.#lengthMax = lengthMax;
    this.#onFrame = onFrame;
  }

  /** Copies `bytes`, so the caller may reuse them. Throws a FrameLengthError for a length above the bound. */
  push(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#frame === undefined) {
        const taken = bytes.copy(this.#head, this.#headBytes, at, at + 4 - this.#headBytes);
        this.#headBytes += taken;
        at += taken;
        if (this.#headBytes < 4) return;
        const length = this.#head.readInt32BE(0);
        if (length < 0 || length > this.#lengthMax) throw new FrameLengthError(length);
        this.#headBytes = 0;
        this.#frameBytes = 0;
        this.#frame = Buffer.allocUnsafeSlow(length);
      }
      const taken = bytes.copy(this.#frame, this.#frameBytes, at);
      this.#frameBytes += taken;
      at += taken;
      if (this.#frameBytes === this.#frame.length) {
        const frame = this.#frame;
        this.#frame = undefined;
        this.#onFrame(frame);
      }
    }
  }
}

/** Reads the stream into `reader`; bytes that are no frames end the stream with an error. */
export function readFrames(stream: Duplex, reader: FrameReader): void {
  const push = (bytes: Buffer) => {
    if (stream.destroyed) return;
    try {
      reader.push(bytes);
    } catch (thrown) {
      stream.destroy(thrown as Error);
    }
  };
  const source = stream as Duplex & Partial<ByteSource>;
  if (source.receive === undefined) stream.on('data', push);
  else source.receive(push);
}

/** Writes the parts as one frame. False when the stream asks its writer to wait for `drain`. */
export function writeFrame(stream: Duplex, parts: readonly Buffer[]): boolean {
  const head = Buffer.allocUnsafe(4);
  head.writeInt32BE(
    parts.reduce((sum, part) => sum + part.length, 0),
    0,
  );
  stream.cork();
  let room = stream.write(head);
  for (const part of parts) room = stream.write(part);
  stream.uncork();
  return room;
}
