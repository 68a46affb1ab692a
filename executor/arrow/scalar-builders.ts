import { type BatchParts, ColumnBuilder } from './column-builder.ts';
import { GrowingBits, GrowingBuffer } from './growing-buffer.ts';
import type { KernelVector } from './kernel-vector.ts';

/** Values that kernel and Arrow lay out alike. */
export class CopyBuilder extends ColumnBuilder {
  readonly #width: number;
  readonly #data = new GrowingBuffer();

  constructor(width: number) {
    super();
    this.#width = width;
  }

  get dataBytes(): number {
    return this.#data.length;
  }

  protected appendData(vector: KernelVector, start: number, count: number): void {
    this.#data.append(vector.data(this.#width).subarray(start * this.#width, (start + count) * this.#width));
  }

  protected collectData(parts: BatchParts): void {
    parts.buffers.push(this.#data.view);
  }

  protected clearData(): void {
    this.#data.clear();
  }
}

/** Values that are turned one by one. */
class ConvertBuilder extends ColumnBuilder {
  readonly #widthIn: number;
  readonly #widthOut: number;
  readonly #convert: Convert;
  readonly #data = new GrowingBuffer();

  constructor(widthIn: number, widthOut: number, convert: Convert) {
    super();
    this.#widthIn = widthIn;
    this.#widthOut = widthOut;
    this.#convert = convert;
  }

  get dataBytes(): number {
    return this.#data.length;
  }

  protected appendData(vector: KernelVector, start: number, count: number): void {
    const from = vector.data(this.#widthIn);
    const at = this.#data.take(count * this.#widthOut);
    this.#convert({ from, fromAt: start * this.#widthIn, to: this.#data.bytes, toAt: at }, count);
  }

  protected collectData(parts: BatchParts): void {
    parts.buffers.push(this.#data.view);
  }

  protected clearData(): void {
    this.#data.clear();
  }
}

type Convert = (
  place: { readonly from: Buffer; readonly fromAt: number; readonly to: Buffer; readonly toAt: number },
  count: number,
) => void;

/** The kernel has a byte a boolean, Arrow a bit. */
export class BooleanBuilder extends ColumnBuilder {
  readonly #bits = new GrowingBits();

  get dataBytes(): number {
    return this.#bits.length >> 3;
  }

  protected appendData(vector: KernelVector, start: number, count: number): void {
    const bytes = vector.data(1);
    for (let row = start; row < start + count; row++) this.#bits.push(bytes[row] === 1);
  }

  protected collectData(parts: BatchParts): void {
    parts.buffers.push(this.#bits.view);
  }

  protected clearData(): void {
    this.#bits.clear();
  }
}

/** Only nulls: a node without buffers. */
export class NullBuilder extends ColumnBuilder {
  get dataBytes(): number {
    return 0;
  }

  override collect(parts: BatchParts): void {
    parts.nodes.push([this.rowCount, this.rowCount]);
  }

  protected appendData(): void {}
  protected collectData(): void {}
  protected clearData(): void {}
}

/** DECIMAL(p) is 2, 4, 8 or 16 bytes in the kernel and always 16 in Arrow. */
export function decimalBuilder(precision: number): ColumnBuilder {
  if (precision > 18) return new CopyBuilder(16);
  const widthIn = precision > 9 ? 8 : precision > 4 ? 4 : 2;
  return new ConvertBuilder(widthIn, 16, ({ from, fromAt, to, toAt }, count) => {
    for (let row = 0; row < count; row++) {
      const source = fromAt + row * widthIn;
      const target = toAt + row * 16;
      let high: number;
      if (widthIn === 8) {
        to.writeInt32LE(from.readInt32LE(source), target);
        high = from.readInt32LE(source + 4);
      } else {
        const value = widthIn === 4 ? from.readInt32LE(source) : from.readInt16LE(source);
        to.writeInt32LE(value, target);
        high = value >> 31;
      }
      to.writeInt32LE(high, target + 4);
      to.writeInt32LE(high >> 31, target + 8);
      to.writeInt32LE(high >> 31, target + 12);
    }
  });
}

const DAY_MICROS = 86_400_000_000n;

// The kernel's interval is (months: int32, days: int32, micros: int64).
export const intervalBuilders: Readonly<Record<string, () => ColumnBuilder>> = {
  day_time_interval: () =>
    new ConvertBuilder(16, 8, ({ from, fromAt, to, toAt }, count) => {
      for (let row = 0; row < count; row++) {
        const source = fromAt + row * 16;
        const micros = from.readBigInt64LE(source + 8) + BigInt(from.readInt32LE(source + 4)) * DAY_MICROS;
        to.writeBigInt64LE(BigInt.asIntN(64, micros), toAt + row * 8);
      }
    }),
  year_month_interval: () =>
    new ConvertBuilder(16, 4, ({ from, fromAt, to, toAt }, count) => {
      for (let row = 0; row < count; row++)
        to.writeInt32LE(from.readInt32LE(fromAt + row * 16), toAt + row * 4);
    }),
  calendar_interval: () =>
    new ConvertBuilder(16, 16, ({ from, fromAt, to, toAt }, count) => {
      for (let row = 0; row < count; row++) {
        const source = fromAt + row * 16;
        from.copy(to, toAt + row * 16, source, source + 8);
        to.writeBigInt64LE(BigInt.asIntN(64, from.readBigInt64LE(source + 8) * 1000n), toAt + row * 16 + 8);
      }
    }),
};
