/** Kafka's primitive types, big-endian (protocol guide; the versions used here are those before "flexible" ones). */
export class WireWriter {
  #bytes: Buffer;
  #at = 0;

  constructor(sizeBytes = 256) {
    this.#bytes = Buffer.allocUnsafe(sizeBytes);
  }

  int8(value: number): this {
    this.#room(1);
    this.#at = this.#bytes.writeInt8(value, this.#at);
    return this;
  }

  int16(value: number): this {
    this.#room(2);
    this.#at = this.#bytes.writeInt16BE(value, this.#at);
    return this;
  }

  int32(value: number): this {
    this.#room(4);
    this.#at = this.#bytes.writeInt32BE(value, this.#at);
    return this;
  }

  int64(value: number): this {
    this.#room(8);
    this.#at = this.#bytes.writeBigInt64BE(BigInt(value), this.#at);
    return this;
  }

  string(text: string | null): this {
    if (text === null) return this.int16(-1);
    const length = Buffer.byteLength(text);
    this.int16(length).#room(length);
    this.#at += this.#bytes.write(text, this.#at);
    return this;
  }

  /** Of flexible versions: the length and one more as a varint, then the text. */
  compactString(text: string): this {
    for (let left = Buffer.byteLength(text) + 1; ; left >>>= 7) {
      this.int8(left < 0x80 ? left : ((left & 0x7f) | 0x80) - 0x100);
      if (left < 0x80) break;
    }
    this.#room(Buffer.byteLength(text));
    this.#at += this.#bytes.write(text, this.#at);
    return this;
  }

  noTags(): this {
    return this.int8(0);
  }

  bytes(bytes: Buffer): this {
    this.int32(bytes.length).#room(bytes.length);
    this.#at += bytes.copy(this.#bytes, this.#at);
    return this;
  }

  array<T>(items: readonly T[], write: (item: T) => void): this {
    this.int32(items.length);
    for (const item of items) write(item);
    return this;
  }

  done(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  #room(count: number): void {
    if (this.#at + count <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#at + count));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }
}

export class WireReader {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at = 0) {
    this.#bytes = bytes;
    this.#at = at;
  }

  int8(): number {
    const value = this.#bytes.readInt8(this.#at);
    this.#at += 1;
    return value;
  }

  int16(): number {
    const value = this.#bytes.readInt16BE(this.#at);
    this.#at += 2;
    return value;
  }

  int32(): number {
    const value = this.#bytes.readInt32BE(this.#at);
    this.#at += 4;
    return value;
  }

  int64(): number {
    const value = readInt64(this.#bytes, this.#at);
    this.#at += 8;
    return value;
  }

  string(): string {
    return this.nullableString() ?? '';
  }

  nullableString(): string | undefined {
    const length = this.int16();
    if (length < 0) return undefined;
    const text = this.#bytes.toString('utf8', this.#at, this.#at + length);
    this.#at += length;
    return text;
  }

  /** No broker sends any in the answers that are read here. */
  skipTags(): void {
    this.#at += 1;
  }

  bytes(): Buffer {
    const length = Math.max(0, this.int32());
    const slice = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return slice;
  }

  array<T>(read: () => T): T[] {
    const count = Math.max(0, this.int32());
    return Array.from({ length: count }, read);
  }
}

/** Offsets and milliseconds stay below 2^53, so no BigInt is made for each. */
export function readInt64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 4_294_967_296 + bytes.readUInt32BE(at + 4);
}
