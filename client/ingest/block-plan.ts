import { open } from 'node:fs/promises';
import { parquetMetadataAsync } from 'hyparquet';
import { QuarryError } from '../../common/quarry-error.ts';

/** Bytes [startBytes, endBytes) of a file. */
export interface Extent {
  readonly startBytes: number;
  readonly endBytes: number;
}

export interface RowGroup extends Extent {
  readonly rowCount: number;
}

/** The four bytes `PAR1` come before the first row group. */
export const MAGIC_BYTES = 4;

/** Where the row groups of a local Parquet file lie, in file order. Errors: BAD_DATA. */
export async function rowGroupsOf(
  localPath: string,
): Promise<{ rowGroups: RowGroup[]; lengthBytes: number }> {
  const file = await open(localPath);
  try {
    const { size } = await file.stat();
    const slice = async (start: number, end = size): Promise<ArrayBuffer> => {
      const bytes = new Uint8Array(end - start);
      await file.read(bytes, 0, bytes.length, start);
      return bytes.buffer;
    };
    const metadata = await parquetMetadataAsync({ byteLength: size, slice });
    const rowGroups = metadata.row_groups.map(({ columns, num_rows }) => {
      const chunks = columns.map(({ meta_data: chunk }) => {
        if (chunk === undefined) throw new QuarryError('BAD_DATA', `${localPath} has an empty column chunk`);
        // A dictionary comes before the pages that use it; 0 stands for none in some writers.
        const dictionary = Number(chunk.dictionary_page_offset ?? 0);
        const start = dictionary > 0 ? dictionary : Number(chunk.data_page_offset);
        return { start, end: start + Number(chunk.total_compressed_size) };
      });
      return {
        startBytes: Math.min(...chunks.map(({ start }) => start)),
        endBytes: Math.max(...chunks.map(({ end }) => end)),
        rowCount: Number(num_rows),
      };
    });
    return { rowGroups: rowGroups.toSorted((a, b) => a.startBytes - b.startBytes), lengthBytes: size };
  } finally {
    await file.close();
  }
}

/**
 * Cuts a file into blocks so that no row group lies in two: a block ends early where the next row group would not fit.
 * What follows the last row group, the footer above all, shares the last block when it fits there.
 * Errors: INVALID_ARGUMENT for a row group that no block can hold.
 */
export function planBlocks(
  rowGroups: readonly Extent[],
  lengthBytes: number,
  blockSizeBytes: number,
): Extent[] {
  const blocks: Extent[] = [];
  let start = 0;
  let end = 0; // of the last row group
  const cutAt = (offset: number) => {
    blocks.push({ startBytes: start, endBytes: offset });
    start = offset;
  };
  for (const group of rowGroups) {
    if (group.endBytes - start > blockSizeBytes) {
      const first = start === 0 && end === 0;
      if (first || group.endBytes - group.startBytes > blockSizeBytes) {
        throw new QuarryError(
          'INVALID_ARGUMENT',
          `a row group takes ${group.endBytes - group.startBytes} bytes and a block holds ${blockSizeBytes}: give a larger --block-size or a smaller --row-group-bytes`,
        );
      }
      cutAt(group.startBytes);
    }
    end = group.endBytes;
  }
  if (lengthBytes - start > blockSizeBytes && end > start) cutAt(end);
  while (lengthBytes - start > blockSizeBytes) cutAt(start + blockSizeBytes);
  if (lengthBytes > start) cutAt(lengthBytes);
  return blocks;
}
