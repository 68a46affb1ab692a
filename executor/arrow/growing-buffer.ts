/** Bytes that are appended to. `take` gives room at the end; the view is valid until the next `take`. */
export class GrowingBuffer {
  #bytes: Buffer;
  #length = 0;

  constructor(initialBytes = 4096) {
    this.#bytes = Buffer.allocUnsafeSlow(initialBytes);
  }

  get length(): number {
    return this.#length;
  }

  /** What has been written; shares memory until the next `take`. */
  get view(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Offset of `count` fresh bytes in `bytes`, which may have been replaced. Their content is arbitrary. */
  take(count: number): number {
    const at = this.#length;
    const needed = at + count;
    if (needed > this.#bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, needed));
      this.#bytes.copy(grown, 0, 0, at);
      this.#bytes = grown;
    }
    this.#length = needed;
    return at;
  }

  get bytes(): Buffer {
    return this.#bytes;
  }

  append(source: Uint8Array): void {
    const at = this.take(source.length);
    this.#bytes.set(source, at);
  }

  clear(): void {
    this.#length = 0;
  }
}

/** How many bits of a byte are 0. */
const ZEROS = Uint8Array.from({ length: 256 }, (_, byte) => 8 - byte.toString(2).replaceAll('0', '').length);

/** Bits, the lowest first, as both Arrow and DuckDB lay them out. */
export class GrowingBits {
  readonly #bytes = new GrowingBuffer(512);
  #length = 0;
  #cleared = 0;

  get length(): number {
    return this.#length;
  }

  /** How many of the bits are 0. */
  get clearedCount(): number {
    return this.#cleared;
  }

  get view(): Buffer {
    return this.#bytes.view;
  }

  push(bit: boolean): void {
    const at = this.#length++;
    if ((at & 7) === 0) {
      const byte = this.#bytes.take(1);
      this.#bytes.bytes[byte] = 0;
    }
    if (bit) this.#bytes.bytes[at >> 3]! |= 1 << (at & 7);
    else this.#cleared++;
  }

  pushOnes(count: number): void {
    let left = count;
    while (left > 0 && (this.#length & 7) !== 0) {
      this.push(true);
      left--;
    }
    const wholeBytes = left >> 3;
    if (wholeBytes > 0) {
      const at = this.#bytes.take(wholeBytes);
      this.#bytes.bytes.fill(0xff, at, at + wholeBytes);
      this.#length += wholeBytes * 8;
      left -= wholeBytes * 8;
    }
    while (left-- > 0) this.push(true);
  }

  /** `count` bits of `source` from bit `start` on. */
  pushBits(source: Uint8Array, start: number, count: number): void {
    let index = start;
    const end = start + count;
    // Whole bytes when both sides stand at a byte's edge, as they do for full chunks.
    if ((this.#length & 7) === 0 && (start & 7) === 0) {
      for (; index + 8 <= end; index += 8) {
        const byte = source[index >> 3]!;
        const at = this.#bytes.take(1);
        this.#bytes.bytes[at] = byte;
        this.#cleared += ZEROS[byte]!;
      }
      this.#length += index - start;
    }
    for (; index < end; index++) this.push(((source[index >> 3]! >> (index & 7)) & 1) === 1);
  }

  clear(): void {
    this.#bytes.clear();
    this.#length = 0;
    this.#cleared = 0;
  }
}
