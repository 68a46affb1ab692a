import { crc32c } from '../../common/checksum.ts';
import { QuarryError } from '../../common/quarry-error.ts';

/**
 * Records to bytes and back. Every stored value is {version u8, crc32c u32 over key and payload, payload}: LevelDB
 * verifies nothing by itself, and with the key in the checksum a misplaced value is caught as well as a damaged one.
 */
export interface Table<R> {
  readonly name: string;
  encode(out: Encoder, record: R): void;
  decode(from: Decoder): R;
}

const VALUE_VERSION = 1;
const HEADER_BYTES = 5;

export class Encoder {
  #buffer = Buffer.allocUnsafe(1024);
  #at = 0;

  reset(): this {
    this.#at = 0;
    return this;
  }

  byte(value: number): void {
    this.#room(1);
    this.#buffer[this.#at++] = value;
  }

  bool(value: boolean): void {
    this.byte(value ? 1 : 0);
  }

  /** A whole number from 0 to 2^53-1, seven bits a byte. */
  uint(value: number): void {
    this.#room(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#buffer[this.#at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#buffer[this.#at++] = rest;
  }

  text(value: string): void {
    const bytes = Buffer.byteLength(value);
    this.uint(bytes);
    this.#room(bytes);
    this.#at += this.#buffer.write(value, this.#at);
  }

  bytes(value: Buffer): void {
    this.uint(value.length);
    this.#room(value.length);
    this.#at += value.copy(this.#buffer, this.#at);
  }

  uints(values: readonly number[]): void {
    this.uint(values.length);
    for (const value of values) this.uint(value);
  }

  /** A copy of what was written since `reset`. */
  take(): Buffer {
    return Buffer.from(this.#buffer.subarray(0, this.#at));
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#at + bytes));
    this.#buffer.copy(larger, 0, 0, this.#at);
    this.#buffer = larger;
  }
}

export class Decoder {
  readonly #buffer: Buffer;
  #at: number;

  constructor(buffer: Buffer, at = 0) {
    this.#buffer = buffer;
    this.#at = at;
  }

  byte(): number {
    const value = this.#buffer[this.#at++];
    if (value === undefined) throw new RangeError('a record ends early');
    return value;
  }

  bool(): boolean {
    return this.byte() === 1;
  }

  uint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 0x80;
    }
  }

  text(): string {
    return this.bytes().toString();
  }

  bytes(): Buffer {
    const length = this.uint();
    this.#at += length;
    return this.#buffer.subarray(this.#at - length, this.#at);
  }

  uints(): number[] {
    return Array.from({ length: this.uint() }, () => this.uint());
  }
}

const shared = new Encoder();

export function encodeValue<R>(table: Table<R>, key: Buffer, record: R): Buffer {
  const out = shared.reset();
  for (let i = 0; i < HEADER_BYTES; i++) out.byte(0);
  table.encode(out, record);
  const value = out.take();
  value[0] = VALUE_VERSION;
  value.writeUInt32BE(crc32c(value.subarray(HEADER_BYTES), crc32c(key)), 1);
  return value;
}

/** Errors: METADATA_DAMAGED when the checksum does not match, WRONG_LAYOUT for a version of a newer Quarry. */
export function decodeValue<R>(table: Table<R>, key: Buffer, value: Buffer): R {
  if (
    value.length < HEADER_BYTES ||
    value.readUInt32BE(1) !== crc32c(value.subarray(HEADER_BYTES), crc32c(key))
  ) {
    throw new QuarryError(
      'METADATA_DAMAGED',
      `the ${table.name} record ${key.toString('hex')} of the namespace is damaged: restore the namenode's directory from a backup`,
    );
  }
  if (value[0] !== VALUE_VERSION) {
    throw new QuarryError(
      'WRONG_LAYOUT',
      `the ${table.name} record ${key.toString('hex')} has version ${value[0]}, this Quarry reads ${VALUE_VERSION}: use the newer version`,
    );
  }
  return table.decode(new Decoder(value, HEADER_BYTES));
}
