/**
 * Writes one FlatBuffers message from its end towards its start, as the format wants: what is referred to comes first.
 * Positions are counted from the end, so that they stay true when the buffer grows. Only what Arrow's metadata needs.
 */
export class FlatBufferWriter {
  #bytes = Buffer.alloc(1024);
  #used = 0;
  #fields: number[] = [];
  #tableStart = 0;

  /** Places the next `size` bytes so that they end up aligned to `alignment` after `following` further bytes. */
  #align(alignment: number, following = 0): void {
    const padding = -(this.#used + following) & (alignment - 1);
    this.#reserve(padding);
    this.#used += padding;
  }

  #reserve(size: number): void {
    if (this.#used + size <= this.#bytes.length) return;
    const grown = Buffer.alloc(Math.max(this.#bytes.length * 2, this.#used + size + 1024));
    this.#bytes.copy(grown, grown.length - this.#used, this.#bytes.length - this.#used);
    this.#bytes = grown;
  }

  #take(size: number): number {
    this.#reserve(size);
    this.#used += size;
    return this.#bytes.length - this.#used;
  }

  #int32(value: number): void {
    this.#bytes.writeInt32LE(value, this.#take(4));
  }

  string(text: string): number {
    const bytes = Buffer.from(text);
    this.#align(4, bytes.length + 1);
    this.#bytes[this.#take(1)] = 0;
    bytes.copy(this.#bytes, this.#take(bytes.length));
    this.#int32(bytes.length);
    return this.#used;
  }

  offsets(targets: readonly number[]): number {
    this.#align(4, targets.length * 4);
    for (const target of targets.toReversed()) this.#offset(target);
    this.#int32(targets.length);
    return this.#used;
  }

  /** A vector of structs of two 64-bit integers: Arrow's FieldNode and Buffer. */
  pairs(values: readonly (readonly [number, number])[]): number {
    this.#align(8, values.length * 16);
    for (const [first, second] of values.toReversed()) {
      this.#bytes.writeBigInt64LE(BigInt(second), this.#take(8));
      this.#bytes.writeBigInt64LE(BigInt(first), this.#take(8));
    }
    this.#int32(values.length);
    return this.#used;
  }

  #offset(target: number): void {
    const at = this.#take(4);
    this.#bytes.writeInt32LE(this.#used - target, at);
  }

  startTable(): void {
    this.#fields = [];
    this.#tableStart = this.#used;
  }

  int8Field(field: number, value: number): void {
    this.#bytes.writeInt8(value, this.#take(1));
    this.#fields[field] = this.#used;
  }

  int16Field(field: number, value: number): void {
    this.#align(2);
    this.#bytes.writeInt16LE(value, this.#take(2));
    this.#fields[field] = this.#used;
  }

  int32Field(field: number, value: number): void {
    this.#align(4);
    this.#int32(value);
    this.#fields[field] = this.#used;
  }

  int64Field(field: number, value: number): void {
    this.#align(8);
    this.#bytes.writeBigInt64LE(BigInt(value), this.#take(8));
    this.#fields[field] = this.#used;
  }

  offsetField(field: number, target: number): void {
    this.#align(4);
    this.#offset(target);
    this.#fields[field] = this.#used;
  }

  endTable(): number {
    this.#align(4);
    const vtableSize = 4 + this.#fields.length * 2;
    this.#int32(0);
    const table = this.#used;
    this.#align(2);
    for (let field = this.#fields.length - 1; field >= 0; field--) {
      const at = this.#fields[field];
      this.#bytes.writeUInt16LE(at === undefined ? 0 : table - at, this.#take(2));
    }
    this.#bytes.writeUInt16LE(table - this.#tableStart, this.#take(2));
    this.#bytes.writeUInt16LE(vtableSize, this.#take(2));
    this.#bytes.writeInt32LE(this.#used - table, this.#bytes.length - table);
    return table;
  }

  /** The finished message, its length a multiple of 8. */
  finish(root: number): Buffer {
    this.#align(8, 4);
    this.#offset(root);
    return this.#bytes.subarray(this.#bytes.length - this.#used);
  }
}
