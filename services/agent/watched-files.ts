import { closeSync, fstatSync, openSync } from 'node:fs';
import { glob } from 'tinyglobby';

export interface WatchedFile {
  readonly path: string;
  readonly fd: number;
  readonly sizeBytes: number;
  readonly modifiedNs: bigint;
  readonly inode: bigint;
}

/** Rotations between the listing and the last open are seen by listing again; that many times in a row means somebody plays with the directory. */
const LISTINGS_MAX = 20;

/**
 * Opens every file that the globs name, those that were written to last coming last, so that lines leave in the order in which
 * they were logged: a rotated file is never written to after the one that took its place. The caller closes them.
 */
export async function openWatched(globs: readonly string[]): Promise<WatchedFile[]> {
  let before = await openAll(globs);
  for (let listing = 1; ; listing++) {
    const after = await openAll(globs);
    const isStable = nameList(before) === nameList(after);
    closeAll(before);
    if (isStable || listing === LISTINGS_MAX) return after.toSorted(byAge);
    before = after;
  }
}

export function closeAll(files: readonly WatchedFile[]): void {
  for (const { fd } of files) closeSync(fd);
}

async function openAll(globs: readonly string[]): Promise<WatchedFile[]> {
  const paths = await glob([...globs], { absolute: true, onlyFiles: true, dot: true });
  return paths.flatMap((path) => {
    const fd = openIfThere(path);
    if (fd === undefined) return [];
    const { size, mtimeNs, ino } = fstatSync(fd, { bigint: true });
    return [{ path, fd, sizeBytes: Number(size), modifiedNs: mtimeNs, inode: ino }];
  });
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch (thrown) {
    // Renamed since it was listed: the next listing has it under its new name.
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw thrown;
  }
}

function nameList(files: readonly WatchedFile[]): string {
  return files
    .map(({ path, inode }) => `${path}\0${inode}`)
    .toSorted()
    .join('\n');
}

/** Two files written within one tick of the file system's clock: `access.log.2` is older than `access.log.1`, that than `access.log`. */
function byAge(a: WatchedFile, b: WatchedFile): number {
  if (a.modifiedNs !== b.modifiedNs) return a.modifiedNs < b.modifiedNs ? -1 : 1;
  return b.path.localeCompare(a.path, 'en', { numeric: true });
}
