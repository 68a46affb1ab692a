import { hasCode } from '../../common/quarry-error.ts';
import type { Clock } from '../../common/seams/clock.ts';
import type { BlockStore } from './block-store.ts';
import { checksumsMatch } from './chunk-codec.ts';

/** Reads a replica whole, at most at the given rate. 'ok' also for a pass that `signal` ended early. */
export async function verifyReplica(
  store: Pick<BlockStore, 'read' | 'replica'>,
  blockId: number,
  pace: { readonly clock: Clock; readonly bytesPerSecond: number; readonly signal?: AbortSignal | undefined },
): Promise<'ok' | 'corrupt' | 'missing'> {
  const replica = store.replica(blockId);
  if (replica === undefined) return 'missing';
  try {
    for await (const chunk of store.read(blockId, 0, replica.lengthBytes)) {
      // The value's own checksum held; these are the ones that readers will compare.
      if (!checksumsMatch(chunk)) return 'corrupt';
      if (pace.signal?.aborted) return 'ok';
      if (pace.bytesPerSecond > 0) {
        await pace.clock.sleep((chunk.data.length / pace.bytesPerSecond) * 1000, pace.signal);
      }
    }
    return 'ok';
  } catch (thrown) {
    if (hasCode(thrown, 'BLOCK_CORRUPT')) return 'corrupt';
    if (hasCode(thrown, 'BLOCK_NOT_FOUND')) return 'missing';
    throw thrown;
  }
}
