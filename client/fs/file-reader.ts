import type { FileStatus } from '../../proto/gen/quarry/FileStatus.ts';
import { BlockRangeReader } from './block-range-reader.ts';
import type { FsContext } from './fs-context.ts';
import type { LocatedFile } from './located-file.ts';

/** The next block is opened when that much of the current one is left: its first bytes are there when they are wanted. */
const READ_AHEAD_BYTES = 8 * 1024 * 1024;

/** A range of a file, front to back. Every byte was checked against its checksum. Also an async iterable of its buffers. */
export class FileReader {
  readonly status: FileStatus;
  /** Bytes that this reader gives in all. */
  readonly lengthBytes: number;
  /** Host label of the node that the last buffer came from; undefined before the first. */
  servedBy: string | undefined;
  readonly #ranges: BlockRangeReader[] = [];

  /** `endBytes` is cut to the file's length. */
  constructor(context: FsContext, file: LocatedFile, offsetBytes: number, endBytes: number) {
    this.status = file.status;
    const end = Math.min(endBytes, file.status.lengthBytes);
    this.lengthBytes = Math.max(0, end - offsetBytes);
    for (const located of file.blocks) {
      const start = located.offsetBytes;
      const from = Math.max(offsetBytes, start) - start;
      const to = Math.min(end, start + (located.block?.lengthBytes ?? 0)) - start;
      if (from >= to) continue;
      const range = { offsetBytes: from, endBytes: to };
      this.#ranges.push(new BlockRangeReader(context, file.status.path, located, range));
    }
  }

  /** Undefined at the end. The buffer belongs to the caller. Errors: BLOCK_UNAVAILABLE, FILE_NOT_FOUND. */
  async read(): Promise<Buffer | undefined> {
    for (;;) {
      const [current, next] = this.#ranges;
      if (current === undefined) return undefined;
      if (current.leftBytes <= READ_AHEAD_BYTES) next?.prefetch();
      const data = await current.read();
      if (data !== undefined) {
        this.servedBy = current.servedBy;
        return data;
      }
      this.#ranges.shift();
    }
  }

  close(): void {
    for (const range of this.#ranges.splice(0)) range.close();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void> {
    try {
      for (let data = await this.read(); data !== undefined; data = await this.read()) yield data;
    } finally {
      this.close();
    }
  }
}
