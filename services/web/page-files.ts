import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { dirname, extname, join } from 'node:path';
import { QuarryError } from '../../common/quarry-error.ts';

export interface PageFile {
  readonly type: string;
  readonly bytes: Buffer;
  readonly etag: string;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};
const INDEX = 'index.html';

/** The page's files by path, in memory: no request ever names a file of the disk. Errors: FILE_NOT_FOUND. */
export async function readPageFiles(directory: string): Promise<ReadonlyMap<string, PageFile>> {
  const files = new Map<string, PageFile>();
  for (const name of await readdir(directory)) {
    const type = TYPES[extname(name)];
    if (type === undefined) continue;
    const bytes = await readFile(join(directory, name));
    const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`;
    files.set(name === INDEX ? '/' : `/${name}`, { type, bytes, etag });
  }
  return files;
}

/** Where the build has put them: beside the compiled services, or in dist/ beside the sources. Errors: FILE_NOT_FOUND. */
export function pageDirectory(from: string): string {
  for (let at = from; ; at = dirname(at)) {
    const found = [join(at, 'web'), join(at, 'dist', 'web')].find(
      (candidate) => existsSync(join(candidate, INDEX)) && existsSync(join(candidate, 'main.js')),
    );
    if (found !== undefined) return found;
    if (at === dirname(at))
      throw new QuarryError('FILE_NOT_FOUND', 'the dashboard is not built: run npm run build');
  }
}
