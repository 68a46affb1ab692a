import { assert } from '../assert.ts';

/** More pieces than that are joined: a packet of a thousand small writes is one piece for the socket. */
const PIECES_MAX = 16;

/** Bytes waiting to be cut into packets, in the buffers they came in. */
export class OutgoingBytes {
  readonly #buffers: Buffer[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(data: Buffer): void {
    if (data.length === 0) return;
    this.#buffers.push(data);
    this.#length += data.length;
  }

  take(count: number): Buffer[] {
    assert(count <= this.#length, 'more bytes cut than there are');
    const parts: Buffer[] = [];
    let missing = count;
    let used = 0;
    while (missing > 0) {
      const first = this.#buffers[used]!;
      if (first.length <= missing) {
        parts.push(first);
        used++;
        missing -= first.length;
      } else {
        parts.push(first.subarray(0, missing));
        this.#buffers[used] = first.subarray(missing);
        missing = 0;
      }
    }
    this.#buffers.splice(0, used);
    this.#length -= count;
    return parts.length > PIECES_MAX ? [Buffer.concat(parts, count)] : parts;
  }

  all(): readonly Buffer[] {
    return this.#buffers;
  }
}
