import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { FileSystem } from '../../client/fs/file-system.ts';
import type { ByteRange } from '../../common/parquet/byte-ranges.ts';
import { hasCode, QuarryError } from '../../common/quarry-error.ts';
import type { FileStatus } from '../../proto/gen/quarry/FileStatus.ts';

/** A file of a query. `base` is the path from where directory names count as partitions. */
export interface FoundFile {
  readonly path: string;
  readonly base: string;
  readonly inodeId: number;
  readonly generation: number;
  readonly lengthBytes: number;
  readonly modifiedMs: number;
  /** Somebody is writing it still. */
  readonly underConstruction: boolean;
}

/** The files that one path of a query names, in path order. Errors: FILE_NOT_FOUND. */
export async function findFiles(
  fileSystem: FileSystem,
  path: string,
  options: Readonly<Record<string, string>>,
): Promise<FoundFile[]> {
  if (/^file:/i.test(path)) return findLocalFiles(path);
  const matches = await globOf(fileSystem, path);
  if (matches.length === 0) throw pathNotFound(path);
  const basePath = options['basePath'] ?? options['basepath'];
  const base = basePath === undefined ? undefined : (await fileSystem.stat(basePath)).path;
  const found: FoundFile[] = [];
  for (const match of matches) await collect(fileSystem, match, base ?? match.path, found);
  return found;
}

/** Any part of a file's bytes. */
export async function readRange(fileSystem: FileSystem, path: string, range: ByteRange): Promise<Buffer> {
  const length = range.endBytes - range.startBytes;
  if (!path.startsWith('file:')) return fileSystem.read(path, range.startBytes, length);
  const file = await open(fileURLToPath(path), 'r');
  try {
    const bytes = Buffer.allocUnsafe(length);
    const { bytesRead } = await file.read(bytes, 0, length, range.startBytes);
    return bytes.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

async function globOf(fileSystem: FileSystem, path: string): Promise<FileStatus[]> {
  try {
    return await fileSystem.glob(path);
  } catch (thrown) {
    if (hasCode(thrown, 'FILE_NOT_FOUND')) throw pathNotFound(path, thrown);
    throw thrown;
  }
}

async function collect(
  fileSystem: FileSystem,
  status: FileStatus,
  base: string,
  found: FoundFile[],
): Promise<void> {
  if (!status.directory) {
    const { path, inodeId, generation, lengthBytes, modifiedMs, underConstruction } = status;
    found.push({ path, base, inodeId, generation, lengthBytes, modifiedMs, underConstruction });
    return;
  }
  for await (const entry of fileSystem.list(status.path)) {
    if (!isHidden(entry.path)) await collect(fileSystem, entry, base, found);
  }
}

/** Files that are being written, markers and the like. A partition column may begin with an underscore. */
function isHidden(path: string): boolean {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return name.startsWith('.') || (name.startsWith('_') && !name.includes('='));
}

async function findLocalFiles(url: string): Promise<FoundFile[]> {
  const root = localPath(url);
  const found: FoundFile[] = [];
  const visit = async (path: string): Promise<void> => {
    const status = await stat(path).catch(() => undefined);
    if (status === undefined) throw pathNotFound(url);
    if (status.isDirectory()) {
      for (const name of (await readdir(path)).toSorted()) {
        if (!isHidden(name)) await visit(join(path, name));
      }
      return;
    }
    found.push({
      path: pathToFileURL(path).href,
      base: pathToFileURL(root).href,
      inodeId: status.ino,
      generation: Math.floor(status.mtimeMs),
      lengthBytes: status.size,
      modifiedMs: status.mtimeMs,
      underConstruction: false,
    });
  };
  await visit(root);
  return found;
}

function localPath(url: string): string {
  try {
    return fileURLToPath(url.replace(/^file:\/?(?!\/)/i, 'file:///'));
  } catch (cause) {
    throw new QuarryError('INVALID_PATH', `${url} is not a path of this host: write file:///path`, { cause });
  }
}

function pathNotFound(path: string, cause?: unknown): QuarryError {
  return new QuarryError('FILE_NOT_FOUND', `no file or directory matches ${path}`, {
    details: { errorClass: 'PATH_NOT_FOUND', path, sqlState: '42K03' },
    ...(cause === undefined ? {} : { cause }),
  });
}
