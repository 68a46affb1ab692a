import { QuarryError } from '../../common/quarry-error.ts';
import type { Disk, Store } from '../../common/seams/disk.ts';
import { type Random, uuid } from '../../common/seams/random.ts';

const SUPERBLOCK = 'log.json';
const LAYOUT = 1;
const MiB = 1024 * 1024;

/**
 * Opens the log's database, and makes it in an empty directory. A directory that has had one says so in a file beside it:
 * a database that has vanished is then an error, not an empty log. Errors: NOT_FORMATTED, WRONG_LAYOUT, STORAGE_IN_USE, DISK_FAILED.
 */
export async function openLogStore(
  disk: Disk,
  random: Random,
  writeBufferBytes: number,
): Promise<{ readonly store: Store; readonly logId: string }> {
  const options = { writeBufferBytes, maxFileBytes: 32 * MiB, cacheBytes: 8 * MiB };
  const content = await disk.readFile(SUPERBLOCK);
  if (content !== undefined) {
    const { layout, logId } = JSON.parse(content.toString()) as { layout: number; logId: string };
    if (layout !== LAYOUT) {
      throw new QuarryError(
        'WRONG_LAYOUT',
        `this directory holds a log of layout ${layout}, this version reads layout ${LAYOUT}`,
      );
    }
    return { store: await disk.openStore('log', { ...options, createIfMissing: false }), logId };
  }
  const logId = uuid(random);
  const store = await disk.openStore('log', { ...options, createIfMissing: true });
  await disk.writeFileDurably(SUPERBLOCK, Buffer.from(JSON.stringify({ layout: LAYOUT, logId })));
  return { store, logId };
}
