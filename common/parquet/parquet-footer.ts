import { open } from 'node:fs/promises';
import { type FileMetaData, parquetMetadata, type RowGroup } from 'hyparquet';
import { QuarryError } from '../quarry-error.ts';
import type { ByteRange } from './byte-ranges.ts';
import { selectRowGroups } from './row-group-selection.ts';

const MAGIC = Buffer.from('PAR1');
/** Length of the footer, then the magic. */
const TRAILER_BYTES = 8;
/** Most footers fit; a longer one takes a second read. */
const FIRST_READ_BYTES = 64 * 1024;

export interface ParquetFooter {
  readonly metadata: FileMetaData;
  /** The footer struct, as it stands in the file. */
  readonly bytes: Buffer;
  readonly startBytes: number;
  readonly fileLengthBytes: number;
}

/** Reads a file's footer. Errors: BAD_DATA that names the file. */
export async function readParquetFooter(
  path: string,
  lengthBytes: number,
  read: (range: ByteRange) => Promise<Buffer>,
): Promise<ParquetFooter> {
  if (lengthBytes < TRAILER_BYTES + MAGIC.length) throw notParquet(path, 'it is too short');
  let startBytes = Math.max(0, lengthBytes - FIRST_READ_BYTES);
  let tail = await read({ startBytes, endBytes: lengthBytes });
  if (!tail.subarray(-MAGIC.length).equals(MAGIC)) throw notParquet(path, 'it does not end in PAR1');
  const footerLength = tail.readUInt32LE(tail.length - TRAILER_BYTES);
  const footerStart = lengthBytes - TRAILER_BYTES - footerLength;
  if (footerStart < MAGIC.length) throw notParquet(path, `its footer would be ${footerLength} bytes long`);
  if (footerStart < startBytes) {
    tail = Buffer.concat([await read({ startBytes: footerStart, endBytes: startBytes }), tail]);
    startBytes = footerStart;
  }
  const bytes = tail.subarray(footerStart - startBytes, tail.length - TRAILER_BYTES);
  return { metadata: parse(path, tail), bytes, startBytes: footerStart, fileLengthBytes: lengthBytes };
}

/** The footer of a file of this host. Errors: BAD_DATA, and what opening it fails with. */
export async function readLocalFooter(path: string): Promise<ParquetFooter> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    return await readParquetFooter(path, size, async ({ startBytes, endBytes }) => {
      const bytes = Buffer.allocUnsafe(endBytes - startBytes);
      const { bytesRead } = await file.read(bytes, 0, bytes.length, startBytes);
      return bytes.subarray(0, bytesRead);
    });
  } finally {
    await file.close();
  }
}

/** The bytes of one column chunk, with its dictionary page. */
export function chunkRange(chunk: NonNullable<RowGroup['columns'][number]['meta_data']>): ByteRange {
  const data = Number(chunk.data_page_offset);
  const dictionary = Number(chunk.dictionary_page_offset ?? 0);
  // Some writers leave 0 for a dictionary that is not there.
  const startBytes = dictionary > 0 ? Math.min(dictionary, data) : data;
  return { startBytes, endBytes: startBytes + Number(chunk.total_compressed_size) };
}

/** The bytes from a row group's first page to its last. */
export function rowGroupRange(group: RowGroup): ByteRange {
  const chunks = group.columns.flatMap(({ meta_data: chunk }) =>
    chunk === undefined ? [] : [chunkRange(chunk)],
  );
  return {
    startBytes: Math.min(...chunks.map((chunk) => chunk.startBytes)),
    endBytes: Math.max(...chunks.map((chunk) => chunk.endBytes)),
  };
}

function parse(path: string, tail: Buffer): FileMetaData {
  try {
    const view = tail.buffer.slice(tail.byteOffset, tail.byteOffset + tail.byteLength) as ArrayBuffer;
    return parquetMetadata(view, { geoparquet: false });
  } catch (cause) {
    throw notParquet(path, 'its footer cannot be read', cause);
  }
}

/** What follows the data of a file of some of its row groups: footer struct, length, magic. All of them when undefined. */
export function footerTail(footer: ParquetFooter, rowGroups: readonly number[] | undefined): Buffer {
  const struct =
    rowGroups === undefined
      ? footer.bytes
      : selectRowGroups(
          footer.bytes,
          rowGroups,
          rowGroups.reduce((sum, index) => sum + Number(footer.metadata.row_groups[index]?.num_rows ?? 0), 0),
        );
  const trailer = Buffer.alloc(TRAILER_BYTES);
  trailer.writeUInt32LE(struct.length, 0);
  MAGIC.copy(trailer, 4);
  return Buffer.concat([struct, trailer]);
}

/**
 * Every byte that reading these columns of these row groups may touch: the chunks with their dictionary pages, and bloom
 * filters, which the kernel consults on its own. `columns` are top-level names; all when undefined.
 */
export function columnRanges(
  footer: ParquetFooter,
  rowGroups: readonly number[] | undefined,
  columns: ReadonlySet<string> | undefined,
): ByteRange[] {
  const groups = footer.metadata.row_groups;
  const indexes = rowGroups ?? groups.map((_, index) => index);
  const ranges: ByteRange[] = [];
  for (const index of indexes) {
    for (const { meta_data: chunk } of groups[index]?.columns ?? []) {
      if (chunk === undefined) continue;
      if (columns !== undefined && !columns.has(chunk.path_in_schema[0] ?? '')) continue;
      ranges.push(chunkRange(chunk));
      if (chunk.bloom_filter_offset !== undefined) {
        const bloom = Number(chunk.bloom_filter_offset);
        // Older writers give no length; then everything up to the footer may belong to it.
        const length = chunk.bloom_filter_length;
        ranges.push({
          startBytes: bloom,
          endBytes: length === undefined ? footer.startBytes : bloom + length,
        });
      }
    }
  }
  return ranges;
}

function notParquet(path: string, why: string, cause?: unknown): QuarryError {
  return new QuarryError('BAD_DATA', `${path} is not a readable Parquet file: ${why}`, {
    details: { path },
    ...(cause === undefined ? {} : { cause }),
  });
}
