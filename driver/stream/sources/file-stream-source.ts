import type { FileSystem } from '../../../client/fs/file-system.ts';
import { hasCode } from '../../../common/quarry-error.ts';
import { findFiles, type FoundFile } from '../../files/find-files.ts';
import { partitionValuesOf } from '../../files/partition-columns.ts';
import type { Attribute } from '../../plan/expression.ts';
import type { LogicalPlan, ScanFile } from '../../plan/logical-plan.ts';
import type { SourceLeaf } from '../compile-query.ts';
import { type FileOptions, fileOptions, isGlob } from './file-options.ts';
import type { BatchLimits, SourcePartition, StreamSource } from './stream-source.ts';

interface SeenFile {
  readonly path: string;
  readonly base: string;
  readonly inodeId: number;
  readonly generation: number;
  readonly lengthBytes: number;
}

/** Counts batches; the files are those that this batch adds. */
interface FileOffset {
  readonly logOffset: number;
  readonly files: readonly SeenFile[];
}

interface Parts {
  readonly fileSystem: FileSystem;
  /** Where the names of all files of earlier batches are kept. */
  readonly directory: string;
}

/** All names are written together that often; between, the offset log has them. */
const COMPACT_EVERY = 20;

/** New files of a directory, each in one batch, when whoever writes it has closed it. A file is known by its path. */
export class FileStreamSource implements StreamSource {
  readonly description: string;
  readonly #leaf: SourceLeaf;
  readonly #parts: Parts;
  readonly #options: FileOptions;
  readonly #seen = new Set<string>();
  #restored = false;

  constructor(leaf: SourceLeaf, parts: Parts) {
    this.#leaf = leaf;
    this.#parts = parts;
    this.#options = fileOptions(leaf.options);
    this.description = `FileStreamSource[${this.#options.path}]`;
  }

  /** Errors: FILE_NOT_FOUND for a path without wildcards where nothing is: more likely a slip than a wish. */
  async initial(): Promise<FileOffset> {
    if (!isGlob(this.#options.path)) await this.#find();
    return { logOffset: -1, files: [] };
  }

  async restore(offsets: readonly FileOffset[]): Promise<void> {
    if (this.#restored) return;
    this.#restored = true;
    for (const path of await this.#compacted()) this.#seen.add(path);
    for (const { files } of offsets) for (const { path } of files) this.#seen.add(path);
  }

  async latest(position: FileOffset): Promise<FileOffset> {
    const found = await this.#found();
    const files = found
      .filter((file) => !file.underConstruction && file.lengthBytes > 0 && !this.#seen.has(file.path))
      .map(({ path, base, inodeId, generation, lengthBytes }) => ({
        path,
        base,
        inodeId,
        generation,
        lengthBytes,
      }));
    return files.length === 0 ? position : { logOffset: position.logOffset + 1, files };
  }

  async upTo(position: FileOffset, target: FileOffset): Promise<FileOffset> {
    const files = target.files.filter(({ path }) => !this.#seen.has(path));
    return files.length === 0 ? position : { logOffset: position.logOffset + 1, files };
  }

  end(start: FileOffset, latest: FileOffset, { limited }: BatchLimits): FileOffset {
    if (latest.logOffset === start.logOffset) return start;
    return limited ? { ...latest, files: this.#limited(latest.files) } : latest;
  }

  isEmpty(start: FileOffset, end: FileOffset): boolean {
    return end.logOffset <= start.logOffset;
  }

  async bind(leaf: SourceLeaf, start: FileOffset, end: FileOffset): Promise<LogicalPlan> {
    const files = this.isEmpty(start, end) ? [] : end.files;
    if (leaf.format === 'parquet') return this.#parquet(leaf, files);
    const schema = this.#leaf.userSchema?.fields ?? leaf.output;
    return {
      kind: 'text-scan',
      output: leaf.output,
      format: leaf.format,
      paths: files.map(({ path }) => path),
      columns: schema.map(({ name, type }) => ({ name, type })),
      options: leaf.options,
      ...numbered(leaf),
    };
  }

  rows(): undefined {
    return undefined;
  }

  /** In progress reports: the names are too many there. */
  shown({ logOffset }: FileOffset): unknown {
    return logOffset < 0 ? null : { logOffset };
  }

  metrics(end: FileOffset, latest: FileOffset): Record<string, string> {
    const taken = new Set(end.files.map(({ path }) => path));
    const left = latest.files.filter(({ path }) => !taken.has(path));
    const bytes = left.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
    return { numFilesOutstanding: String(left.length), numBytesOutstanding: String(bytes) };
  }

  partitions(end: FileOffset, latest: FileOffset): SourcePartition[] {
    return [{ key: '', hasRecords: end.logOffset >= 0, hasUnread: latest.logOffset > end.logOffset }];
  }

  async committed(end: FileOffset): Promise<void> {
    for (const { path } of end.files) this.#seen.add(path);
    if (end.logOffset % COMPACT_EVERY === COMPACT_EVERY - 1) await this.#compact(end);
    await this.#clean(end.files);
  }

  async close(): Promise<void> {
    // Nothing is open.
  }

  #parquet(leaf: SourceLeaf, files: readonly SeenFile[]): LogicalPlan {
    const [first] = files;
    const known =
      first === undefined ? new Set<string>() : new Set(partitionValuesOf(first.base, first.path).keys());
    const isPartition = ({ name }: Attribute) => known.has(name);
    const partitions = leaf.output.filter(isPartition);
    const output = [...leaf.output.filter((each) => !isPartition(each)), ...partitions];
    const fields = (this.#leaf.userSchema?.fields ?? []).filter(({ name }) => !known.has(name));
    const scan: LogicalPlan = {
      kind: 'scan',
      format: 'parquet',
      output,
      files: files.map(({ base, ...file }): ScanFile => {
        const values = partitionValuesOf(base, file.path);
        return { ...file, partitionValues: partitions.map(({ name }) => values.get(name) ?? null) };
      }),
      partitionColumnCount: partitions.length,
      fileSchema: { kind: 'struct', fields },
      ...numbered(leaf),
    };
    if (partitions.length === 0) return scan;
    const columns = leaf.output.map((attribute) => {
      const { id, type, nullable } = attribute;
      return { attribute, value: { kind: 'column', id, type, nullable } as const };
    });
    return { kind: 'project', output: leaf.output, input: scan, columns };
  }

  /** As many of the first as a batch may have, and at least one. */
  #limited(files: readonly SeenFile[]): readonly SeenFile[] {
    const { filesMax, bytesMax } = this.#options;
    if (bytesMax === undefined) return files.slice(0, filesMax);
    let bytes = 0;
    const end = files.findIndex(({ lengthBytes }) => (bytes += lengthBytes) > bytesMax);
    return end < 0 ? files : files.slice(0, Math.max(1, end));
  }

  async #found(): Promise<FoundFile[]> {
    try {
      return await this.#find();
    } catch (thrown) {
      // What a pattern names may begin to exist with its first file, and a directory may be emptied by taking it away.
      if (hasCode(thrown, 'FILE_NOT_FOUND')) return [];
      throw thrown;
    }
  }

  /** The oldest first, unless the newest is wanted; files of one instant by their paths. */
  async #find(): Promise<FoundFile[]> {
    const { path, latestFirst, matches } = this.#options;
    const found = await findFiles(this.#parts.fileSystem, path, this.#leaf.options);
    const direction = latestFirst ? -1 : 1;
    return found
      .filter((file) => matches(file.path.slice(file.path.lastIndexOf('/') + 1)))
      .toSorted((a, b) => direction * (a.modifiedMs - b.modifiedMs || (a.path < b.path ? -1 : 1)));
  }

  async #compact({ logOffset }: FileOffset): Promise<void> {
    const { fileSystem, directory } = this.#parts;
    const name = `${directory}/seen-${logOffset}`;
    await fileSystem.writeFile(name, [...this.#seen].join('\n'), { overwrite: true });
    for await (const entry of fileSystem.list(directory)) {
      if (entry.path !== name) await fileSystem.delete(entry.path);
    }
  }

  /** The batch is committed: nothing reads these files again. */
  async #clean(files: readonly SeenFile[]): Promise<void> {
    const { fileSystem } = this.#parts;
    const { clean } = this.#options;
    if (clean.kind === 'off') return;
    for (const { path } of files) {
      if (clean.kind === 'delete') await fileSystem.delete(path);
      else {
        const target = `${clean.directory}${path}`;
        await fileSystem.mkdir(target.slice(0, target.lastIndexOf('/')));
        await fileSystem.rename(path, target);
      }
    }
  }

  async #compacted(): Promise<string[]> {
    const { fileSystem, directory } = this.#parts;
    let newest = '';
    let number = -1;
    try {
      for await (const { path } of fileSystem.list(directory)) {
        const at = Number(/seen-(\d+)$/.exec(path)?.[1] ?? -1);
        if (at > number) [newest, number] = [path, at];
      }
    } catch (thrown) {
      if (!hasCode(thrown, 'FILE_NOT_FOUND')) throw thrown;
    }
    return newest === '' ? [] : (await fileSystem.readFile(newest)).toString().split('\n');
  }
}

function numbered({ sourceId }: SourceLeaf): { sourceId?: number } {
  return sourceId === undefined ? {} : { sourceId };
}
