import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { QuarryError } from '../../common/quarry-error.ts';
import type { Log, RecordBatch } from '../../log/log.ts';
import type { LogRange } from '../../proto/gen/quarry/LogRange.ts';
import type { LogSource } from '../../proto/gen/quarry/LogSource.ts';
import { type KernelSession, quote, quoteName } from '../kernel/duckdb-kernel.ts';
import { LineBuffer } from './line-buffer.ts';

/** What goes to the kernel at once: it parses one such piece while the next is fetched. */
const CHUNK_BYTES = 8 * 1024 * 1024;
const OBJECT_BYTES_MIN = 16 * 1024 * 1024;

/** Kernel types of a record's own columns. */
const RECORD_TYPES: Readonly<Record<string, string>> = {
  key: 'BLOB',
  value: 'BLOB',
  topic: 'VARCHAR',
  partition: 'INTEGER',
  offset: 'BIGINT',
  timestamp: 'TIMESTAMPTZ',
  timestampType: 'INTEGER',
};

export interface LoadContext {
  readonly session: KernelSession;
  /** On tmpfs where there is one. */
  readonly directory: string;
  readonly signal: AbortSignal;
}

/** How many records a range had. */
export interface LoadedRange {
  readonly range: LogRange;
  readonly rowCount: number;
}

let sequence = 0;

/**
 * Reads the ranges of a log into the temporary table `table`, with the columns that `source` names, in the order of the offsets.
 * Values travel as lines of files in memory, which the kernel's own readers parse. Errors: as LogSource.read, INTERRUPTED.
 */
export async function loadLog(
  log: Log,
  source: LogSource,
  table: string,
  context: LoadContext,
): Promise<LoadedRange[]> {
  const columns = [
    ...source.columns.map((name) => `${quoteName(name)} ${RECORD_TYPES[name] ?? 'VARCHAR'}`),
    ...source.json.map(({ column, kernelType }) => `${quoteName(column)} ${kernelType}`),
  ];
  await context.session.run(`CREATE TEMP TABLE ${table} (${columns.join(', ') || 'q_ INTEGER'})`);
  const directory = join(context.directory, `log-${process.pid}-${++sequence}`);
  await mkdir(directory, { recursive: true });
  const loaded: LoadedRange[] = [];
  try {
    for (const range of source.ranges) {
      const loader = new RangeLoader(source, table, { ...context, directory });
      loaded.push({ range, rowCount: await loader.load(log, range) });
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
  return loaded;
}

class RangeLoader {
  readonly #source: LogSource;
  readonly #table: string;
  readonly #context: LoadContext;
  readonly #json: LineBuffer | undefined;
  readonly #lines = new Map<string, LineBuffer>();
  #rowsInChunk = 0;
  #chunk = 0;
  #inserting: Promise<void> = Promise.resolve();

  constructor(source: LogSource, table: string, context: LoadContext) {
    this.#source = source;
    this.#table = table;
    this.#context = context;
    if (source.json.length > 0) this.#json = new LineBuffer(CHUNK_BYTES + 256 * 1024);
    for (const name of ['key', 'value', 'offset', 'timestamp']) {
      if (source.columns.includes(name)) this.#lines.set(name, new LineBuffer(1024 * 1024));
    }
  }

  async load(log: Log, range: LogRange): Promise<number> {
    let rowCount = 0;
    try {
      for await (const batch of log.source.read(range, { signal: this.#context.signal })) {
        rowCount += batch.offsets.length;
        this.#append(batch);
        if (this.#bytes >= CHUNK_BYTES || this.#rowsInChunk >= 1_000_000) await this.#flush(range);
      }
      await this.#flush(range);
    } finally {
      // Its failure is thrown by the flush that awaits it; here nothing may go on using the files.
      await this.#inserting.catch(() => undefined);
    }
    await this.#inserting;
    return rowCount;
  }

  get #bytes(): number {
    let bytes = this.#json?.lengthBytes ?? 0;
    for (const lines of this.#lines.values()) bytes += lines.lengthBytes;
    return bytes;
  }

  #append(batch: RecordBatch): void {
    const json = this.#json;
    if (json !== undefined) for (const value of batch.values) json.appendJson(value);
    for (const [name, lines] of this.#lines) {
      if (name === 'key') for (const key of batch.keys) lines.appendBytes(key);
      else if (name === 'value') for (const value of batch.values) lines.appendBytes(value);
      else if (name === 'offset') for (const offset of batch.offsets) lines.appendNumber(offset);
      else for (const timestamp of batch.timestampsMs) lines.appendNumber(timestamp);
    }
    this.#rowsInChunk += batch.offsets.length;
  }

  /** Hands over what was read; the kernel works on it while the caller goes on. */
  async #flush(range: LogRange): Promise<void> {
    if (this.#rowsInChunk === 0) return;
    if (this.#context.signal.aborted) throw new QuarryError('INTERRUPTED', 'the task was cancelled');
    const rowCount = this.#rowsInChunk;
    this.#rowsInChunk = 0;
    const files = new Map<string, string>();
    const longest = this.#json?.longestLineBytes ?? 0;
    const name = `${range.partition}-${++this.#chunk}`;
    for (const [kind, lines] of [
      ...this.#lines,
      ...(this.#json === undefined ? [] : [['json', this.#json] as const]),
    ]) {
      const path = join(this.#context.directory, `${name}-${kind}`);
      await writeFile(path, lines.take());
      files.set(kind, path);
    }
    await this.#inserting;
    const insert = (json: JsonReading) =>
      `INSERT INTO ${this.#table} ${this.#select(range, files, { rowCount, longest, json })}`;
    this.#inserting = this.#insert(insert, [...files.values()]);
    // Awaited by the next flush or the end of the range.
    this.#inserting.catch(() => undefined);
  }

  /**
   * The kernel's reader takes a text that ends inside an object on into the next line, and loses that one too; told to ignore
   * errors, it does so silently. So it reads strictly, and where it finds an error each line is taken apart for itself.
   */
  async #insert(insert: (json: JsonReading) => string, files: readonly string[]): Promise<void> {
    try {
      try {
        await this.#context.session.run(insert('strict'));
      } catch (thrown) {
        if (this.#json === undefined || !/JSON/.test(String(thrown))) throw thrown;
        await this.#context.session.run(insert('by-line'));
      }
    } finally {
      await Promise.all(files.map((file) => rm(file, { force: true })));
    }
  }

  #select(
    range: LogRange,
    files: ReadonlyMap<string, string>,
    size: { readonly rowCount: number; readonly longest: number; readonly json: JsonReading },
  ): string {
    const own = this.#source.columns.map((name) => recordColumn(name, range));
    const fields = this.#source.json.map(({ column }) => `j.${quoteName(column)}`);
    const from: string[] = [];
    const lists = [...this.#lines.keys()];
    if (lists.length > 0) {
      const columns = lists.map((name) => `unnest(${name}_.lines) AS ${name}_`);
      // The text ends with a line end: what comes after it is no line.
      const sources = lists.map(
        (name) =>
          `(SELECT string_split(content[:-2], chr(10)) AS lines FROM read_text(${quote(files.get(name)!)})) AS ${name}_`,
      );
      from.push(`(SELECT ${columns.join(', ')} FROM ${sources.join(', ')}) AS r`);
    }
    if (this.#json !== undefined) {
      const path = files.get('json')!;
      from.push(
        `${size.json === 'strict' ? this.#readJson(path, size.longest) : this.#readLines(path)} AS j`,
      );
    }
    if (from.length === 0) from.push(`range(${size.rowCount})`);
    return `SELECT ${[...own, ...fields].join(', ') || '1'} FROM ${from.join(' POSITIONAL JOIN ')}`;
  }

  #readJson(path: string, longest: number): string {
    const { json } = this.#source;
    const columns = json.map(({ field, kernelType }) => `${quote(field)}: ${quote(kernelType)}`);
    const renamed = json.map(({ field, column }) => `${quoteName(field)} AS ${quoteName(column)}`);
    const size = Math.max(OBJECT_BYTES_MIN, longest + 1024);
    return `(SELECT ${renamed.join(', ')} FROM read_json(${quote(path)}, format = 'newline_delimited', auto_detect = false, maximum_object_size = ${size}, columns = {${columns.join(', ')}}))`;
  }

  #readLines(path: string): string {
    const { json } = this.#source;
    const structure = JSON.stringify(
      Object.fromEntries(json.map(({ field, kernelType }) => [field, kernelType])),
    );
    const renamed = json.map(({ field, column }) => `v_.${quoteName(field)} AS ${quoteName(column)}`);
    const lines = `SELECT unnest(string_split(content[:-2], chr(10))) AS line_ FROM read_text(${quote(path)})`;
    const values = `SELECT CASE WHEN json_valid(line_) THEN json_transform(line_, ${quote(structure)}) END AS v_ FROM (${lines})`;
    return `(SELECT ${renamed.join(', ')} FROM (${values}))`;
  }
}

/** How the values' JSON is read: by the kernel's reader as a whole, or line by line. */
type JsonReading = 'strict' | 'by-line';

function recordColumn(name: string, range: LogRange): string {
  switch (name) {
    case 'key':
    case 'value':
      return `CASE ${name}_[1] WHEN 'v' THEN encode(${name}_[2:]) WHEN 'x' THEN from_hex(${name}_[2:]) END`;
    case 'offset':
      return 'CAST(offset_ AS BIGINT)';
    case 'timestamp':
      return 'make_timestamptz(CAST(timestamp_ AS BIGINT) * 1000)';
    case 'topic':
      return quote(range.topic);
    case 'partition':
      return String(range.partition);
    default:
      return '0';
  }
}
