import { createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import type { FileSystem } from '../../client/fs/file-system.ts';
import type { TextSource } from '../../proto/gen/quarry/TextSource.ts';
import { quote, quoteName } from '../kernel/duckdb-kernel.ts';

export interface OpenText {
  /** What stands in FROM. */
  readonly sql: string;
  close(): void;
}

let sequence = 0;

/** Copies files of text to this host, and makes the SQL that reads them, in their order. Errors: FILE_NOT_FOUND, BLOCK_UNAVAILABLE. */
export async function openText(
  source: TextSource,
  fileSystem: FileSystem,
  directory: string,
  signal: AbortSignal,
): Promise<OpenText> {
  const own = join(directory, `text-${process.pid}-${++sequence}`);
  await mkdir(own, { recursive: true });
  const close = () => void rm(own, { recursive: true, force: true });
  try {
    const local: string[] = [];
    for (const [index, path] of source.paths.entries()) {
      if (path.startsWith('file:')) local.push(fileURLToPath(path));
      else {
        const target = join(own, String(index));
        await pipeline(await fileSystem.createReadStream(path), createWriteStream(target), { signal });
        local.push(target);
      }
    }
    return { sql: textSql(source, local), close };
  } catch (thrown) {
    close();
    throw thrown;
  }
}

function textSql(source: TextSource, files: readonly string[]): string {
  const { columns, format, options } = source;
  if (files.length === 0) {
    const none = columns.map(({ name, kernelType }) => `CAST(NULL AS ${kernelType}) AS ${quoteName(name)}`);
    return `(SELECT ${none.join(', ') || '1 AS q_'} WHERE false)`;
  }
  const list = `[${files.map(quote).join(', ')}]`;
  if (format === 'text') {
    const name = quoteName(columns[0]?.name ?? 'value');
    return `(SELECT unnest(string_split(CASE WHEN suffix(content, chr(10)) THEN content[:-2] ELSE content END, chr(10))) AS ${name} FROM read_text(${list}) WHERE content <> '')`;
  }
  const types = columns.map(({ name, kernelType }) => `${quote(name)}: ${quote(kernelType)}`).join(', ');
  if (format === 'json') {
    return `read_json(${list}, format = 'newline_delimited', auto_detect = false, ignore_errors = true, columns = {${types}})`;
  }
  const header = options['header']?.toLowerCase() === 'true';
  const separator = options['sep'] ?? options['delimiter'] ?? ',';
  return `read_csv(${list}, auto_detect = false, header = ${header}, delim = ${quote(separator)}, quote = '"', escape = '"', null_padding = true, columns = {${types}})`;
}
