/**
 * Buffers of one size, used again and again: a new one for each packet costs page faults, and a garbage collection every
 * 64 MiB. One that is not given back is left to the collector.
 */
export class ReusedBuffers {
  readonly #capacity: number;
  readonly #idleMax: number;
  readonly #idle: Buffer[] = [];
  readonly #made = new WeakSet<ArrayBufferLike>();

  /** `capacity`: bytes in each; at most `idleMax` are kept. */
  constructor(capacity: number, idleMax: number) {
    this.#capacity = capacity;
    this.#idleMax = idleMax;
  }

  /** A buffer of exactly that length. Much smaller or larger ones than the usual are not reused. */
  take(lengthBytes: number): Buffer {
    if (lengthBytes > this.#capacity || lengthBytes < this.#capacity / 4)
      return Buffer.allocUnsafe(lengthBytes);
    return (this.#idle.pop() ?? this.#make()).subarray(0, lengthBytes);
  }

  /** Takes back what `take` gave, or a part of it, when nobody reads it any more. */
  release(view: Buffer): void {
    if (this.#made.has(view.buffer) && this.#idle.length < this.#idleMax) {
      this.#idle.push(Buffer.from(view.buffer, 0, this.#capacity));
    }
  }

  #make(): Buffer {
    const buffer = Buffer.allocUnsafeSlow(this.#capacity);
    this.#made.add(buffer.buffer);
    return buffer;
  }
}
