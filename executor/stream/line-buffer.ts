import { isUtf8 } from 'node:buffer';

const NEWLINE = 10;
const NULL_LINE = Buffer.from('null');

/** Lines of text in one growing buffer that is used again and again: no object a record reaches the kernel. */
export class LineBuffer {
  #buffer: Buffer;
  #length = 0;
  #longest = 0;

  constructor(capacityBytes: number) {
    this.#buffer = Buffer.allocUnsafe(capacityBytes);
  }

  get lengthBytes(): number {
    return this.#length;
  }

  get longestLineBytes(): number {
    return this.#longest;
  }

  /** A value as one line for a JSON reader that gives a row of nulls for what is no object. */
  appendJson(value: Buffer | null): void {
    this.appendLine(
      value === null || isBlank(value) ? NULL_LINE : value.includes(NEWLINE) ? oneLine(value) : value,
    );
  }

  /** Any bytes or null: `n`, `v` and the text, or `x` and hexadecimal digits where it is no line of text. */
  appendBytes(value: Buffer | null): void {
    if (value === null) this.#append('n');
    else if (value.includes(NEWLINE) || !isUtf8(value)) this.#append(`x${value.toString('hex')}`);
    else {
      this.#reserve(value.length + 2);
      this.#buffer[this.#length++] = 118;
      this.#copy(value);
    }
  }

  appendNumber(value: number): void {
    this.#append(String(value));
  }

  appendLine(line: Buffer): void {
    this.#reserve(line.length + 1);
    this.#copy(line);
  }

  /** The lines so far, each with its end. Valid until the next append; always UTF-8: other bytes become U+FFFD. */
  take(): Buffer {
    const bytes = this.#buffer.subarray(0, this.#length);
    this.#length = 0;
    this.#longest = 0;
    return isUtf8(bytes) ? bytes : Buffer.from(bytes.toString());
  }

  #append(text: string): void {
    this.#reserve(text.length * 3 + 1);
    this.#length += this.#buffer.write(text, this.#length);
    this.#buffer[this.#length++] = NEWLINE;
  }

  #copy(bytes: Buffer): void {
    bytes.copy(this.#buffer, this.#length);
    this.#length += bytes.length;
    this.#buffer[this.#length++] = NEWLINE;
    if (bytes.length > this.#longest) this.#longest = bytes.length;
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + bytes));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}

function isBlank(value: Buffer): boolean {
  if (value.length > 0 && value[0]! > 32) return false;
  return value.every((byte) => byte === 32 || (byte >= 9 && byte <= 13));
}

/** A line end between JSON's tokens is a blank; inside a string it makes the value malformed, as it is for Spark. */
function oneLine(value: Buffer): Buffer {
  const text = value.toString();
  try {
    JSON.parse(text);
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return NULL_LINE;
    throw thrown;
  }
  return Buffer.from(text.replaceAll('\n', ' '));
}
