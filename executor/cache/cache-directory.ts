import { createHash } from 'node:crypto';
import { readdir, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';

const TMPFS = '/dev/shm';
const PREFIX = 'quarry-cache-';
/** A container often has 64 MB of it: less than a few columns. */
const TMPFS_BYTES_MIN = 256 * 1024 * 1024;

/** Where the block cache lives: on tmpfs when that has room, else in the executor's own directory. */
export async function chooseCacheDirectory(
  ownDirectory: string,
  capacityBytes: number,
): Promise<{ directory: string; capacityBytes: number }> {
  const onDisk = { directory: join(ownDirectory, 'cache'), capacityBytes };
  try {
    await sweep();
    const { bavail, bsize } = await statfs(TMPFS);
    const freeBytes = bavail * bsize;
    if (freeBytes < TMPFS_BYTES_MIN) return onDisk;
    const owner = createHash('sha256').update(ownDirectory).digest('hex').slice(0, 16);
    return {
      directory: join(TMPFS, `${PREFIX}${process.pid}-${owner}`),
      // Other executors of this host use it too.
      capacityBytes: Math.min(capacityBytes, Math.floor(freeBytes / 4)),
    };
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === undefined) throw thrown;
    return onDisk;
  }
}

/** Takes away what killed executors have left: tmpfs is memory. */
async function sweep(): Promise<void> {
  for (const name of await readdir(TMPFS)) {
    if (!name.startsWith(PREFIX)) continue;
    const pid = Number(name.slice(PREFIX.length).split('-')[0]);
    if (Number.isInteger(pid) && pid > 0 && !isAlive(pid)) {
      await rm(join(TMPFS, name), { recursive: true, force: true });
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    // Another user's process is alive as well.
    return (thrown as NodeJS.ErrnoException).code === 'EPERM';
  }
}
