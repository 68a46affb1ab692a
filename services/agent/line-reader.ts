import { fstatSync, readSync } from 'node:fs';

export interface LineChunk {
  /** Complete lines, without their newline; slices of one buffer. Empty lines are left out. */
  readonly lines: readonly Buffer[];
  /** The end of the last complete line, where the next read goes on. */
  readonly nextOffsetBytes: number;
  /** The line at `nextOffsetBytes` is longer than allowed: its first bytes, in which it is recognised. */
  readonly tooLong: Buffer | undefined;
  readonly skipping: boolean;
  /** Bytes of an incomplete line behind `nextOffsetBytes`. */
  readonly partial: Buffer;
}

export interface ReadFrom {
  readonly offsetBytes: number;
  /** The rest of a too long line comes first and is dropped up to its newline. */
  readonly skipping: boolean;
}

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
/** Of a line that is too long, for the dead letters. */
const SHOWN_BYTES = 1_024;

/** The complete lines in the next `chunkBytes` of a file. A chunk holds any line that is allowed: `chunkBytes` > `lineBytesMax`. */
export function readLines(
  fd: number,
  from: ReadFrom,
  { chunkBytes, lineBytesMax }: { chunkBytes: number; lineBytesMax: number },
): LineChunk {
  // No larger than what is there: a file is read many times a second, and large buffers bring the collector each time.
  const leftBytes = Math.max(0, fstatSync(fd).size - from.offsetBytes);
  const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, leftBytes));
  const chunk = buffer.subarray(0, readSync(fd, buffer, 0, buffer.length, from.offsetBytes));
  let start = 0;
  if (from.skipping) {
    const end = chunk.indexOf(NEWLINE);
    if (end === -1) return skipped(chunk, from.offsetBytes, undefined);
    start = end + 1;
  }
  const lines: Buffer[] = [];
  for (let end = chunk.indexOf(NEWLINE, start); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
    const line = chunk.subarray(start, chunk[end - 1] === CARRIAGE_RETURN && end > start ? end - 1 : end);
    if (line.length > 0) lines.push(line);
    start = end + 1;
  }
  const partial = chunk.subarray(start);
  if (lines.length === 0 && partial.length > lineBytesMax) {
    return skipped(partial, from.offsetBytes + start, partial.subarray(0, SHOWN_BYTES));
  }
  return { lines, nextOffsetBytes: from.offsetBytes + start, tooLong: undefined, skipping: false, partial };
}

function skipped(bytes: Buffer, offsetBytes: number, tooLong: Buffer | undefined): LineChunk {
  return {
    lines: [],
    nextOffsetBytes: offsetBytes + bytes.length,
    tooLong,
    skipping: true,
    partial: Buffer.alloc(0),
  };
}
