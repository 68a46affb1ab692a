import { hasCode } from '../../common/quarry-error.ts';
import { BYTES_PER_CHECKSUM } from '../../common/checksum.ts';
import type { Chunk } from './block-store.ts';
import { checkChunkValue, type ChunkId, clipChunk, decodeUnverified } from './chunk-codec.ts';
import { ceilToChecksum, type Extent, type Extents, findExtent, floorToChecksum } from './extent.ts';

/** Chunks asked for ahead of the one handed out: LevelDB reads and copies them on other threads meanwhile. */
const READ_AHEAD = 4;

export interface ChunkSource {
  /** The block's extents as they are now. Errors: BLOCK_NOT_FOUND. */
  extents(): Extents;
  get(id: ChunkId): Promise<Buffer | undefined>;
  /** False when whoever gets the chunks checks their data against their checksums: it need not be done twice. */
  readonly verify: boolean;
}

/**
 * Chunks over [fromBytes, toBytes), aligned outwards to 512 bytes, at most to `endBytes`.
 * A chunk that was moved to another segment meanwhile is found at its new place. Errors: BLOCK_NOT_FOUND, BLOCK_CORRUPT.
 */
export async function* readChunks(
  source: ChunkSource,
  fromBytes: number,
  toBytes: number,
  endBytes: number,
): AsyncIterable<Chunk> {
  const stop = Math.min(ceilToChecksum(toBytes), endBytes);
  let at = floorToChecksum(fromBytes);
  while (at < stop) {
    const extents = source.extents();
    try {
      for await (const chunk of readExtents(source, extents, at, stop)) {
        at = chunk.offsetBytes + chunk.data.length;
        yield chunk;
      }
      return;
    } catch (thrown) {
      if (!hasCode(thrown, 'BLOCK_CORRUPT') || !moved(extents, source.extents(), at)) throw thrown;
    }
  }
}

async function* readExtents(
  source: ChunkSource,
  extents: Extents,
  fromBytes: number,
  toBytes: number,
): AsyncIterable<Chunk> {
  const first = findExtent(extents, fromBytes);
  // Extents of a block that grows or is cut meanwhile: what was there at the start is read.
  const wanted = extents.slice(first, findExtent(extents, toBytes - 1) + 1);
  const ahead: Promise<Buffer | undefined>[] = [];
  let next = 0;
  for (const extent of wanted) {
    while (next < wanted.length && ahead.length < READ_AHEAD) {
      const value = source.get(wanted[next++]!);
      // Awaited in its turn; a reader that leaves early must not turn a failure into an unhandled one.
      value.catch(() => undefined);
      ahead.push(value);
    }
    const value = await ahead.shift();
    const chunk = decodeUnverified(value, extent);
    const from = Math.max(extent.fromBytes, fromBytes);
    const to = Math.min(extent.toBytes, toBytes);
    if (source.verify || renewsChecksum(extent, to)) checkChunkValue(value!, extent);
    yield clipChunk(chunk, from, to);
  }
}

/** A checksum computed anew must not sign damaged bytes. */
function renewsChecksum(extent: Extent, toBytes: number): boolean {
  const lengthBytes = toBytes - extent.offsetBytes;
  return lengthBytes < extent.lengthBytes && lengthBytes % BYTES_PER_CHECKSUM !== 0;
}

function moved(before: Extents, now: Extents, atBytes: number): boolean {
  const then = before[findExtent(before, atBytes)];
  const since = now[findExtent(now, atBytes)];
  return since !== undefined && then?.seq !== since.seq;
}
