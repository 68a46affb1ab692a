import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** The host's file system in memory: what killed processes leave there is memory that nobody gets back. */
export const MEMORY_DIRECTORY = '/dev/shm';

const PREFIX = 'quarry-cache-';

/** The name of a process's cache in `MEMORY_DIRECTORY`: it says whose it is, so that others can take it away after its end. */
export function memoryCacheName(pid: number, owner: string): string {
  return `${PREFIX}${pid}-${owner}`;
}

/** Takes away the caches of processes that live no more. Nothing to do on a host without the directory. */
export async function sweepMemoryCaches(): Promise<void> {
  for (const name of await namesIn(MEMORY_DIRECTORY)) {
    if (!name.startsWith(PREFIX)) continue;
    const pid = Number(name.slice(PREFIX.length).split('-')[0]);
    if (Number.isInteger(pid) && pid > 0 && !isAlive(pid)) {
      await rm(join(MEMORY_DIRECTORY, name), { recursive: true, force: true });
    }
  }
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw thrown;
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
