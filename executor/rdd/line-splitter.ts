const NEWLINE = 10;
const CARRIAGE_RETURN = 13;
const BYTE_ORDER_MARK = '\uFEFF';

/** A part of a file whose lines one task reads. */
export interface LineRange {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

/**
 * Where a task starts to read: one byte before its range, because only that byte tells whether a line starts at the range's
 * first. It reads until the line that reaches over the range's end is whole.
 */
export function readOffsetOf({ offsetBytes }: LineRange): number {
  return Math.max(0, offsetBytes - 1);
}

/**
 * Cuts bytes into the lines that start in a range. Neighbouring ranges that cover a file give each of its lines once: a line
 * belongs to the range of its first byte. Lines end at \n or \r\n; the last may lack it.
 */
export class LineSplitter {
  readonly #endBytes: number;
  /** The place in the file of the first byte that was not consumed. */
  #at: number;
  #rest: Buffer = Buffer.alloc(0);
  #isInForeignLine: boolean;
  #isDone = false;

  constructor(range: LineRange) {
    this.#at = readOffsetOf(range);
    this.#endBytes = range.offsetBytes + range.lengthBytes;
    this.#isInForeignLine = range.offsetBytes > 0;
    this.#isDone = range.lengthBytes === 0;
  }

  /** No line of the range can follow: what is behind it need not be read. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** The lines that the next bytes of the file complete. */
  *push(bytes: Uint8Array): Generator<string> {
    if (this.#isDone) return;
    const data =
      this.#rest.length === 0
        ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
        : Buffer.concat([this.#rest, bytes]);
    // What was kept holds no newline: it need not be searched again.
    let search = this.#rest.length;
    let start = 0;
    for (let end = data.indexOf(NEWLINE, search); end !== -1; end = data.indexOf(NEWLINE, search)) {
      if (this.#isInForeignLine) this.#isInForeignLine = false;
      else yield this.#line(data, start, end);
      this.#at += end + 1 - start;
      start = end + 1;
      search = start;
      if (this.#at >= this.#endBytes) {
        this.#isDone = true;
        return;
      }
    }
    this.#rest = data.subarray(start);
  }

  /** The last line, when the file does not end in a newline. */
  *finish(): Generator<string> {
    if (this.#isDone) return;
    this.#isDone = true;
    if (!this.#isInForeignLine && this.#rest.length > 0) yield this.#line(this.#rest, 0, this.#rest.length);
  }

  #line(data: Buffer, start: number, end: number): string {
    const trimmed = end > start && data[end - 1] === CARRIAGE_RETURN ? end - 1 : end;
    const text = data.toString('utf8', start, trimmed);
    return this.#at === 0 && text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
  }
}
