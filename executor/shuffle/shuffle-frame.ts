import type { Duplex } from 'node:stream';
import { QuarryError } from '../../common/quarry-error.ts';

/**
 * The shuffle protocol: on one connection, requests and answers alternate. A request is a 4-byte length and JSON
 * { file, ranges: [[offset, length], ...] }; an answer a 4-byte length, JSON { ok, message?, lengthBytes }, then the bytes of
 * the ranges one after another.
 */
export interface ShuffleRequest {
  readonly file: string;
  readonly ranges: readonly (readonly [number, number])[];
}

export interface ShuffleAnswer {
  readonly ok: boolean;
  readonly message?: string;
  readonly lengthBytes: number;
}

const HEADER_BYTES_MAX = 1024 * 1024;

export function encodeFrame(content: object): Buffer {
  const json = Buffer.from(JSON.stringify(content));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(json.length);
  return Buffer.concat([length, json]);
}

/** Takes exact numbers of bytes from a stream. */
export class FrameReader {
  readonly #iterator: AsyncIterator<Buffer>;
  #left: Buffer = Buffer.alloc(0);

  constructor(stream: Duplex) {
    this.#iterator = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  /** Undefined when the stream ends before the first byte. Errors: PEER_UNREACHABLE when it ends inside. */
  async frame<T>(): Promise<T | undefined> {
    const prefix = await this.#exactly(4, true);
    if (prefix === undefined) return undefined;
    const length = prefix.readUInt32BE();
    if (length > HEADER_BYTES_MAX)
      throw new QuarryError('INVALID_ARGUMENT', `a frame of ${length} bytes is too long`);
    return JSON.parse(((await this.#exactly(length, false)) ?? '').toString()) as T;
  }

  /** The next `lengthBytes`, in the pieces they come in. */
  async pieces(lengthBytes: number, take: (piece: Buffer) => Promise<void> | void): Promise<void> {
    let missing = lengthBytes;
    while (missing > 0) {
      if (this.#left.length === 0 && !(await this.#more())) throw ended();
      const piece = this.#left.subarray(0, missing);
      this.#left = this.#left.subarray(piece.length);
      missing -= piece.length;
      await take(piece);
    }
  }

  async #exactly(count: number, mayEnd: boolean): Promise<Buffer | undefined> {
    while (this.#left.length < count) {
      if (await this.#more()) continue;
      if (mayEnd && this.#left.length === 0) return undefined;
      throw ended();
    }
    const bytes = this.#left.subarray(0, count);
    this.#left = this.#left.subarray(count);
    return bytes;
  }

  async #more(): Promise<boolean> {
    const next = await this.#iterator.next();
    if (next.done === true) return false;
    this.#left = this.#left.length === 0 ? next.value : Buffer.concat([this.#left, next.value]);
    return true;
  }
}

function ended(): QuarryError {
  return new QuarryError('PEER_UNREACHABLE', 'the connection ended in the middle of a frame');
}
