/** Idle buffers kept for all streams of a server: 8 MiB in packets of the default size. */
const IDLE_MAX = 32;

/**
 * Buffers in which packets are put together, used again and again: a new one for each packet costs page faults, and a
 * garbage collection every 64 MiB.
 */
export class PacketBuffers {
  readonly #capacity: number;
  readonly #idle: Buffer[] = [];
  readonly #made = new WeakSet<ArrayBufferLike>();

  /** `capacity` is the size of a usual packet. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** The parts as one run. */
  join(parts: readonly Buffer[], lengthBytes: number): Buffer {
    if (parts.length === 1) return parts[0]!;
    if (lengthBytes > this.#capacity || lengthBytes < this.#capacity / 4)
      return Buffer.concat(parts, lengthBytes);
    const buffer = this.#idle.pop() ?? this.#make();
    let at = 0;
    for (const part of parts) at += part.copy(buffer, at);
    return buffer.subarray(0, lengthBytes);
  }

  /** Takes back what `join` gave, when nobody reads it any more. */
  release(joined: Buffer): void {
    if (this.#made.has(joined.buffer) && this.#idle.length < IDLE_MAX) {
      this.#idle.push(Buffer.from(joined.buffer, 0, this.#capacity));
    }
  }

  #make(): Buffer {
    const buffer = Buffer.allocUnsafeSlow(this.#capacity);
    this.#made.add(buffer.buffer);
    return buffer;
  }
}
