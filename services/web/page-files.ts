import { readdir, readFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { extname, join } from 'node:path';
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
  const names = await readdir(directory).catch((): string[] => []);
  if (!names.includes(INDEX))
    throw new QuarryError('FILE_NOT_FOUND', `the dashboard is not in ${directory}: run npm run build`);
  for (const name of names) {
    const type = TYPES[extname(name)];
    if (type === undefined) continue;
    const bytes = await readFile(join(directory, name));
    const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`;
    files.set(name === INDEX ? '/' : `/${name}`, { type, bytes, etag });
  }
  return files;
}
