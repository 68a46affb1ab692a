import type { LocatedBlock } from '../../proto/gen/quarry/LocatedBlock.ts';

export interface TextSplit {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  /** Host labels of the block that it lies in. */
  readonly nodes: readonly string[];
}

/** A split below that costs more to start than to read. */
const SPLIT_BYTES_MIN = 4 * 1024;

/** Pieces of a file, none over a block's border, none longer than `splitBytesMax`. Together they are the whole file. */
export function textSplits(blocks: readonly LocatedBlock[], splitBytesMax: number): TextSplit[] {
  return blocks.flatMap((located) => {
    const blockBytes = located.block?.lengthBytes ?? 0;
    if (blockBytes === 0) return [];
    const pieces = Math.max(1, Math.ceil(blockBytes / Math.max(splitBytesMax, SPLIT_BYTES_MIN)));
    const nodes = located.locations.map(({ hostLabel }) => hostLabel);
    return Array.from({ length: pieces }, (_, index) => {
      const start = Math.floor((index * blockBytes) / pieces);
      const end = Math.floor(((index + 1) * blockBytes) / pieces);
      return { offsetBytes: located.offsetBytes + start, lengthBytes: end - start, nodes };
    });
  });
}
