import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** The access log and what has been rotated away from it. */
export function writtenFiles(accessLog: string): string[] {
  const directory = dirname(accessLog);
  return readdirSync(directory)
    .filter((name) => name.startsWith(basename(accessLog)))
    .map((name) => join(directory, name));
}
