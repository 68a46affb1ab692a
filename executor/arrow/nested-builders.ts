import { type BatchParts, ColumnBuilder } from './column-builder.ts';
import { GrowingBuffer } from './growing-buffer.ts';
import type { KernelVector } from './kernel-vector.ts';

/** A list entry of the kernel: offset and length in the child, 64 bits each. */
const ENTRY_BYTES = 16;

/** Lists, and maps, which both sides keep as lists of a key-value struct. */
export class ListBuilder extends ColumnBuilder {
  readonly #child: ColumnBuilder;
  readonly #ends = new GrowingBuffer();

  constructor(child: ColumnBuilder) {
    super();
    this.#child = child;
  }

  get dataBytes(): number {
    return this.#ends.length + this.#child.dataBytes;
  }

  protected appendData(
    vector: KernelVector,
    start: number,
    count: number,
    validity: Uint8Array | undefined,
  ): void {
    const entries = vector.data(ENTRY_BYTES);
    const child = vector.listChild();
    let at = this.#ends.take(count * 4);
    const ends = this.#ends.bytes;
    let end = this.#child.rowCount;
    // Neighbouring entries usually follow each other in the child: they are taken in one slice.
    let runStart = 0;
    let runEnd = 0;
    for (let row = start; row < start + count; row++) {
      const valid = validity === undefined || ((validity[row >> 3]! >> (row & 7)) & 1) === 1;
      if (valid) {
        const offset = readUInt53(entries, row * ENTRY_BYTES);
        const length = readUInt53(entries, row * ENTRY_BYTES + 8);
        if (length > 0 && offset !== runEnd) {
          this.#child.append(child, runStart, runEnd - runStart);
          runStart = offset;
          runEnd = offset;
        }
        runEnd += length;
        end += length;
      }
      ends.writeInt32LE(end, at);
      at += 4;
    }
    this.#child.append(child, runStart, runEnd - runStart);
  }

  protected collectData(parts: BatchParts): void {
    const offsets = Buffer.alloc(4 + this.#ends.length);
    this.#ends.view.copy(offsets, 4);
    parts.buffers.push(offsets);
    this.#child.collect(parts);
  }

  protected clearData(): void {
    this.#ends.clear();
    this.#child.clear();
  }
}

export class StructBuilder extends ColumnBuilder {
  readonly #children: readonly ColumnBuilder[];

  constructor(children: readonly ColumnBuilder[]) {
    super();
    this.#children = children;
  }

  get dataBytes(): number {
    return this.#children.reduce((sum, child) => sum + child.dataBytes, 0);
  }

  protected appendData(vector: KernelVector, start: number, count: number): void {
    this.#children.forEach((child, index) => child.append(vector.structChild(index), start, count));
  }

  protected collectData(parts: BatchParts): void {
    for (const child of this.#children) child.collect(parts);
  }

  protected clearData(): void {
    for (const child of this.#children) child.clear();
  }
}

function readUInt53(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32;
}
