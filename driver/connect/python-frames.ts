import type { Socket } from 'node:net';

/** What PySpark's serializers write: big-endian integers, and bytes behind their length. */
export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

export function int64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(value));
  return bytes;
}

export function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'utf8');
  return Buffer.concat([int32(bytes.length), bytes]);
}

/** Reads frames from a socket, one call at a time. Rejects when the socket ends inside or before a frame. */
export class FrameReader {
  readonly #chunks: Buffer[] = [];
  #length = 0;
  #error: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(socket: Socket) {
    socket.on('data', (chunk) => {
      this.#chunks.push(chunk);
      this.#length += chunk.length;
      this.#wake?.();
    });
    const ended = (error?: Error) => {
      this.#error ??= error ?? new Error('the connection has ended');
      this.#wake?.();
    };
    socket.once('error', ended);
    socket.once('close', () => ended());
  }

  async int32(): Promise<number> {
    return (await this.#take(4)).readInt32BE();
  }

  async text(): Promise<string> {
    return (await this.#take(await this.int32())).toString('utf8');
  }

  async #take(length: number): Promise<Buffer> {
    while (this.#length < length) {
      if (this.#error !== undefined) throw this.#error;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    const all = Buffer.concat(this.#chunks);
    this.#chunks.length = 0;
    this.#length -= length;
    if (all.length > length) this.#chunks.push(all.subarray(length));
    return all.subarray(0, length);
  }
}
