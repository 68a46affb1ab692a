import { createHash } from 'node:crypto';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { MEMORY_DIRECTORY, memoryCacheName, sweepMemoryCaches } from '../../common/memory-caches.ts';

/** A container often has 64 MB of it: less than a few columns. */
const TMPFS_BYTES_MIN = 256 * 1024 * 1024;

/** Where the block cache lives: on tmpfs when that has room, else in the executor's own directory. */
export async function chooseCacheDirectory(
  ownDirectory: string,
  capacityBytes: number,
): Promise<{ directory: string; capacityBytes: number }> {
  const onDisk = { directory: join(ownDirectory, 'cache'), capacityBytes };
  try {
    await sweepMemoryCaches();
    const { bavail, bsize } = await statfs(MEMORY_DIRECTORY);
    const freeBytes = bavail * bsize;
    if (freeBytes < TMPFS_BYTES_MIN) return onDisk;
    const owner = createHash('sha256').update(ownDirectory).digest('hex').slice(0, 16);
    return {
      directory: join(MEMORY_DIRECTORY, memoryCacheName(process.pid, owner)),
      // Other executors of this host use it too.
      capacityBytes: Math.min(capacityBytes, Math.floor(freeBytes / 4)),
    };
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === undefined) throw thrown;
    return onDisk;
  }
}
