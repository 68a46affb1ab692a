import { hasCode } from '../../common/quarry-error.ts';
import type { Chunk } from './block-store.ts';
import { type ChunkId, clipChunk, decodeChunkValue } from './chunk-codec.ts';
import { ceilToChecksum, type Extents, findExtent, floorToChecksum } from './extent.ts';

/** Chunks asked for ahead of the one handed out: LevelDB reads and copies them on other threads meanwhile. */
const READ_AHEAD = 4;

export interface ChunkSource {
  /** The block's extents as they are now. Errors: BLOCK_NOT_FOUND. */
  extents(): Extents;
  get(id: ChunkId): Promise<Buffer | undefined>;
}

/**
 * Verified chunks over [fromBytes, toBytes), aligned outwards to 512 bytes, at most to `endBytes`.
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
    const chunk = decodeChunkValue(await ahead.shift(), extent);
    yield clipChunk(chunk, Math.max(extent.fromBytes, fromBytes), Math.min(extent.toBytes, toBytes));
  }
}

function moved(before: Extents, now: Extents, atBytes: number): boolean {
  const then = before[findExtent(before, atBytes)];
  const since = now[findExtent(now, atBytes)];
  return since !== undefined && then?.seq !== since.seq;
}
