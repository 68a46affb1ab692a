import { type FileHandle, open } from 'node:fs/promises';
import { crc32c } from '../../common/checksum.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { MapOutput } from '../../proto/gen/quarry/MapOutput.ts';
import type { ShuffleLayout } from './shuffle-store.ts';

const PIECE_BYTES = 1024 * 1024;

/** The layout with the CRC32C of each partition's bytes and of the tail, as they are in the file now. */
export async function withChecksums(path: string, layout: ShuffleLayout): Promise<ShuffleLayout> {
  return using(path, async (ranges) => {
    const segments = [];
    for (const segment of layout.segments) {
      segments.push({ ...segment, crc32c: await ranges.crc(segment.offsetBytes, segment.lengthBytes) });
    }
    return { ...layout, segments, tailCrc32c: await ranges.crc(layout.tailOffsetBytes) };
  });
}

/**
 * Reads what a reader of these partitions needs (all when there are none) and compares it with what the map task made:
 * the kernel would answer wrong rows for half of all flipped bits. Errors: BLOCK_CORRUPT.
 */
export async function checkFile(
  path: string,
  output: MapOutput,
  partitions: readonly number[],
): Promise<void> {
  await using(path, async (ranges) => {
    const wanted = partitions.length === 0 ? output.segments.keys() : partitions;
    for (const partition of wanted) {
      const segment = output.segments[partition];
      if (segment?.crc32c === undefined || segment.lengthBytes === 0) continue;
      if ((await ranges.crc(segment.offsetBytes, segment.lengthBytes)) !== segment.crc32c) {
        throw changed(output, `partition ${partition}`);
      }
    }
    if (output.tailCrc32c === undefined) return;
    if ((await ranges.crc(output.tailOffsetBytes)) !== output.tailCrc32c) throw changed(output, 'the footer');
  });
}

function changed({ file }: MapOutput, what: string): QuarryError {
  return new QuarryError('BLOCK_CORRUPT', `${what} of ${file} was changed`);
}

async function using<T>(path: string, work: (ranges: RangeChecksums) => Promise<T>): Promise<T> {
  const file = await open(path, 'r');
  try {
    return await work(new RangeChecksums(file));
  } finally {
    await file.close();
  }
}

/** Small partitions share row groups: equal ranges in a row are read once. */
class RangeChecksums {
  readonly #file: FileHandle;
  readonly #piece = Buffer.allocUnsafe(PIECE_BYTES);
  #last: { readonly offsetBytes: number; readonly lengthBytes: number; readonly crc: number } | undefined;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /** To the file's end without a length. A file that is shorter has another checksum. */
  async crc(offsetBytes: number, lengthBytes = Number.MAX_SAFE_INTEGER - offsetBytes): Promise<number> {
    if (this.#last?.offsetBytes === offsetBytes && this.#last.lengthBytes === lengthBytes)
      return this.#last.crc;
    let crc = 0;
    for (let at = 0; at < lengthBytes; ) {
      const count = Math.min(PIECE_BYTES, lengthBytes - at);
      const { bytesRead } = await this.#file.read(this.#piece, 0, count, offsetBytes + at);
      if (bytesRead === 0) break;
      crc = crc32c(this.#piece.subarray(0, bytesRead), crc);
      at += bytesRead;
    }
    this.#last = { offsetBytes, lengthBytes, crc };
    return crc;
  }
}
