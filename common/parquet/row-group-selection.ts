import { QuarryError } from '../quarry-error.ts';

// A Parquet footer is one struct of Thrift's compact protocol. The kernel cannot be told to read some row groups of a
// file only, so a split gets a footer that names no others. Row groups are copied byte for byte: within a struct nothing
// refers to its neighbours. Field numbers are those of parquet.thrift's FileMetaData.
const NUM_ROWS = 3;
const ROW_GROUPS = 4;

// Types of the compact protocol.
const STOP = 0;
const TRUE = 1;
const FALSE = 2;
const BYTE = 3;
const DOUBLE = 7;
const BINARY = 8;
const LIST = 9;
const SET = 10;
const MAP = 11;
const STRUCT = 12;
const UUID = 13;

/** The footer struct with only the row groups at `indexes`, which hold `rowCount` rows. Errors: BAD_DATA. */
export function selectRowGroups(footer: Buffer, indexes: readonly number[], rowCount: number): Buffer {
  const reader = new CompactReader(footer);
  const parts: Buffer[] = [];
  let fieldId = 0;
  for (;;) {
    const start = reader.at;
    const header = reader.byte();
    const type = header & 0x0f;
    if (type === STOP) {
      parts.push(footer.subarray(start, reader.at));
      return Buffer.concat(parts);
    }
    const delta = header >> 4;
    fieldId = delta === 0 ? reader.zigzag() : fieldId + delta;
    const valueAt = reader.at;
    if (fieldId === NUM_ROWS) {
      reader.skip(type);
      parts.push(footer.subarray(start, valueAt), zigzagVarint(rowCount));
    } else if (fieldId === ROW_GROUPS && type === LIST) {
      const groups = structsOfList(reader);
      const chosen = indexes.map((index) => {
        const group = groups[index];
        if (group === undefined) throw malformed(`it has no row group ${index}`);
        return group;
      });
      parts.push(footer.subarray(start, valueAt), listHeader(chosen.length), ...chosen);
    } else {
      reader.skip(type);
      parts.push(footer.subarray(start, reader.at));
    }
  }
}

function structsOfList(reader: CompactReader): Buffer[] {
  const { size, elementType } = reader.listHeader();
  if (elementType !== STRUCT) throw malformed('its row groups are no structs');
  const groups: Buffer[] = [];
  for (let index = 0; index < size; index++) {
    const start = reader.at;
    reader.skip(STRUCT);
    groups.push(reader.bytes.subarray(start, reader.at));
  }
  return groups;
}

function listHeader(size: number): Buffer {
  if (size < 15) return Buffer.from([(size << 4) | STRUCT]);
  return Buffer.concat([Buffer.from([0xf0 | STRUCT]), varint(BigInt(size))]);
}

function zigzagVarint(value: number): Buffer {
  return varint(BigInt(value) << 1n);
}

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let left = value;
  while (left >= 0x80n) {
    bytes.push(Number(left & 0x7fn) | 0x80);
    left >>= 7n;
  }
  bytes.push(Number(left));
  return Buffer.from(bytes);
}

class CompactReader {
  readonly bytes: Buffer;
  at = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  byte(): number {
    const value = this.bytes[this.at++];
    if (value === undefined) throw malformed('it ends early');
    return value;
  }

  varint(): number {
    let value = 0;
    let factor = 1;
    for (;;) {
      const byte = this.byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 128;
    }
  }

  zigzag(): number {
    const value = this.varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  listHeader(): { size: number; elementType: number } {
    const header = this.byte();
    const short = header >> 4;
    return { size: short === 15 ? this.varint() : short, elementType: header & 0x0f };
  }

  skip(type: number): void {
    switch (type) {
      case TRUE:
      case FALSE:
        return;
      case BYTE:
        this.at += 1;
        return;
      case DOUBLE:
        this.at += 8;
        return;
      case BINARY: {
        // Not `at += varint()`: that would read `at` before the length has moved it.
        const length = this.varint();
        this.at += length;
        return;
      }
      case UUID:
        this.at += 16;
        return;
      case LIST:
      case SET:
        this.#skipList();
        return;
      case MAP:
        this.#skipMap();
        return;
      case STRUCT:
        this.#skipStruct();
        return;
      default:
        // The rest are integers.
        if (type > UUID) throw malformed(`it has a field of type ${type}`);
        this.varint();
    }
  }

  #skipList(): void {
    const { size, elementType } = this.listHeader();
    // Booleans take a byte each here, unlike in fields.
    if (elementType === TRUE || elementType === FALSE) this.at += size;
    else for (let index = 0; index < size; index++) this.skip(elementType);
  }

  #skipMap(): void {
    const size = this.varint();
    if (size === 0) return;
    const types = this.byte();
    for (let index = 0; index < size; index++) {
      this.skip(types >> 4);
      this.skip(types & 0x0f);
    }
  }

  #skipStruct(): void {
    for (;;) {
      const header = this.byte();
      const type = header & 0x0f;
      if (type === STOP) return;
      if (header >> 4 === 0) this.varint();
      this.skip(type);
    }
  }
}

function malformed(why: string): QuarryError {
  return new QuarryError('BAD_DATA', `the Parquet footer is malformed: ${why}`);
}
