import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { glob } from 'tinyglobby';
import { QuarryError } from '../../common/quarry-error.ts';

export type SourceFormat = 'parquet' | 'csv' | 'json';

export interface Sources {
  readonly format: SourceFormat;
  /** Absolute, sorted, each once. */
  readonly files: readonly string[];
}

const EXTENSIONS: Readonly<Record<string, SourceFormat>> = {
  parquet: 'parquet',
  parq: 'parquet',
  csv: 'csv',
  tsv: 'csv',
  json: 'json',
  jsonl: 'json',
  ndjson: 'json',
};

/** Finds the local files that sources name: files, directories (with all below them, hidden and `_` names excepted) and globs. Errors: FILE_NOT_FOUND, INVALID_ARGUMENT. */
export async function findSources(
  sources: readonly string[],
  format: SourceFormat | undefined,
): Promise<Sources> {
  const found = new Set<string>();
  for (const source of sources) {
    for (const file of await filesOf(source, format)) found.add(file);
  }
  const files = [...found].toSorted();
  const first = files[0];
  if (first === undefined) throw new QuarryError('INVALID_ARGUMENT', 'give at least one source');
  const formats = new Set(files.map((file) => format ?? formatOf(file)));
  if (formats.size > 1) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `the sources are of several formats (${[...formats].map(String).join(', ')}): ingest them one by one, or give --format`,
    );
  }
  const only = format ?? formatOf(first);
  if (only === undefined) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `cannot tell the format of ${first} from its name: give --format parquet, csv or json`,
    );
  }
  return { format: only, files };
}

/** By the extension, a trailing .gz or .zst put aside. */
export function formatOf(file: string): SourceFormat | undefined {
  const name = file.toLowerCase().replace(/\.(gz|zst)$/, '');
  return EXTENSIONS[name.slice(name.lastIndexOf('.') + 1)];
}

async function filesOf(source: string, format: SourceFormat | undefined): Promise<string[]> {
  const path = resolve(source);
  const info = await stat(path).catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === 'ENOENT' || thrown.code === 'ENOTDIR') return undefined;
    throw new QuarryError('PERMISSION_DENIED', `cannot read ${source}: ${thrown.message}`, { cause: thrown });
  });
  if (info?.isFile()) return [path];
  const files = info?.isDirectory()
    ? (
        await glob('**/*', {
          cwd: path,
          absolute: true,
          ignore: ['**/_*', '**/_*/**', '**/.*', '**/.*/**'],
        })
      ).filter((file) => format !== undefined || formatOf(file) !== undefined)
    : await glob(source, { absolute: true, expandDirectories: false });
  if (files.length === 0) {
    const what = info?.isDirectory() ? 'the directory holds no file to ingest' : 'no such file or directory';
    throw new QuarryError('FILE_NOT_FOUND', `${what}: ${source}`, { details: { source } });
  }
  return files;
}
