import duckdb from '@duckdb/node-bindings';
import { type BatchParts, ColumnBuilder } from './column-builder.ts';
import { GrowingBuffer } from './growing-buffer.ts';
import type { KernelVector } from './kernel-vector.ts';

/** A string of the kernel: 4 bytes of length, then up to 12 bytes of text, or 4 of prefix and a pointer. */
const STRING_BYTES = 16;
const INLINE_MAX = 12;
/** Two strings closer than a page lie on mapped neighbouring pages, so the bytes between them can be read. */
const GAP_MAX = 4_000;
const RUN_BYTES_MAX = 4 * 1024 * 1024;

/** Strings and binary. Long ones live elsewhere: a native call each would cost a microsecond, so neighbours are read in one. */
export class TextBuilder extends ColumnBuilder {
  readonly #ends = new GrowingBuffer();
  readonly #text = new GrowingBuffer();

  get dataBytes(): number {
    return this.#ends.length + this.#text.length;
  }

  protected appendData(
    vector: KernelVector,
    start: number,
    count: number,
    validity: Uint8Array | undefined,
  ): void {
    const strings = vector.data(STRING_BYTES);
    const far = new FarStrings();
    let at = this.#ends.take(count * 4);
    const ends = this.#ends.bytes;
    const base = this.#text.length;
    let end = base;
    for (let row = start; row < start + count; row++) {
      if (validity === undefined || ((validity[row >> 3]! >> (row & 7)) & 1) === 1) {
        const source = row * STRING_BYTES;
        const length = strings.readUInt32LE(source);
        if (length > INLINE_MAX) far.add(strings, source + 8, length, end);
        end += length;
      }
      ends.writeInt32LE(end, at);
      at += 4;
    }
    this.#text.take(end - base);
    this.#copyInline(strings, start, count, validity, base);
    far.copyTo(this.#text.bytes, strings);
  }

  #copyInline(
    strings: Buffer,
    start: number,
    count: number,
    validity: Uint8Array | undefined,
    base: number,
  ): void {
    const text = this.#text.bytes;
    let end = base;
    for (let row = start; row < start + count; row++) {
      if (validity !== undefined && ((validity[row >> 3]! >> (row & 7)) & 1) === 0) continue;
      const source = row * STRING_BYTES;
      const length = strings.readUInt32LE(source);
      if (length <= INLINE_MAX) {
        for (let index = 0; index < length; index++) text[end + index] = strings[source + 4 + index]!;
      }
      end += length;
    }
  }

  protected collectData(parts: BatchParts): void {
    const offsets = Buffer.alloc(4 + this.#ends.length);
    this.#ends.view.copy(offsets, 4);
    parts.buffers.push(offsets, this.#text.view);
  }

  protected clearData(): void {
    this.#ends.clear();
    this.#text.clear();
  }
}

/** Strings behind pointers: where each is, how long, and where it goes. */
class FarStrings {
  readonly #pointers: number[] = [];
  readonly #pointerAt: number[] = [];
  readonly #lengths: number[] = [];
  readonly #targets: number[] = [];
  #ascending = true;

  add(strings: Buffer, pointerAt: number, length: number, target: number): void {
    const pointer = strings.readUInt32LE(pointerAt) + strings.readUInt32LE(pointerAt + 4) * 2 ** 32;
    if (this.#pointers.length > 0 && pointer < this.#pointers.at(-1)!) this.#ascending = false;
    this.#pointers.push(pointer);
    this.#pointerAt.push(pointerAt);
    this.#lengths.push(length);
    this.#targets.push(target);
  }

  copyTo(text: Buffer, strings: Buffer): void {
    const count = this.#pointers.length;
    const order = Array.from({ length: count }, (_, index) => index);
    if (!this.#ascending) order.sort((a, b) => this.#pointers[a]! - this.#pointers[b]!);
    let first = 0;
    while (first < count) {
      const begin = this.#pointers[order[first]!]!;
      let end = begin + this.#lengths[order[first]!]!;
      let next = first + 1;
      while (next < count) {
        const pointer = this.#pointers[order[next]!]!;
        if (pointer - end > GAP_MAX || end - begin > RUN_BYTES_MAX) break;
        end = Math.max(end, pointer + this.#lengths[order[next]!]!);
        next++;
      }
      const pointerAt = strings.byteOffset + this.#pointerAt[order[first]!]!;
      const run = duckdb.get_data_from_pointer(strings.buffer as ArrayBuffer, pointerAt, end - begin);
      for (; first < next; first++) {
        const index = order[first]!;
        const offset = this.#pointers[index]! - begin;
        text.set(run.subarray(offset, offset + this.#lengths[index]!), this.#targets[index]!);
      }
    }
  }
}
