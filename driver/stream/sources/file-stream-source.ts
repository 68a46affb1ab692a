import type { FileSystem } from '../../../client/fs/file-system.ts';
import { hasCode } from '../../../common/quarry-error.ts';
import { findFiles } from '../../files/find-files.ts';
import { partitionValuesOf } from '../../files/partition-columns.ts';
import type { Attribute } from '../../plan/expression.ts';
import { optionOf } from '../../plan/log-options.ts';
import type { LogicalPlan, ScanFile } from '../../plan/logical-plan.ts';
import type { SourceLeaf } from '../compile-query.ts';
import { countOption } from '../stream-options.ts';
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

/** New files of a directory, each in one batch. A file is known by its path: what appears there must be whole. */
export class FileStreamSource implements StreamSource {
  readonly description: string;
  readonly #path: string;
  readonly #leaf: SourceLeaf;
  readonly #parts: Parts;
  readonly #limit: number | undefined;
  readonly #seen = new Set<string>();
  #restored = false;

  constructor(leaf: SourceLeaf, parts: Parts) {
    this.#leaf = leaf;
    this.#parts = parts;
    this.#path = optionOf(leaf.options, 'path') ?? '';
    this.#limit = countOption(leaf.options, 'maxFilesPerTrigger');
    this.description = `FileStreamSource[${this.#path}]`;
  }

  async initial(): Promise<FileOffset> {
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
    const files = found.filter(({ path, lengthBytes }) => lengthBytes > 0 && !this.#seen.has(path));
    return files.length === 0 ? position : { logOffset: position.logOffset + 1, files };
  }

  async upTo(position: FileOffset, target: FileOffset): Promise<FileOffset> {
    const files = target.files.filter(({ path }) => !this.#seen.has(path));
    return files.length === 0 ? position : { logOffset: position.logOffset + 1, files };
  }

  end(start: FileOffset, latest: FileOffset, { limited }: BatchLimits): FileOffset {
    if (latest.logOffset === start.logOffset) return start;
    const limit = limited ? this.#limit : undefined;
    return limit === undefined ? latest : { ...latest, files: latest.files.slice(0, limit) };
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
    };
  }

  rows(): undefined {
    return undefined;
  }

  metrics(_end: FileOffset, latest: FileOffset): Record<string, string> {
    return { numFilesOutstanding: String(latest.files.length) };
  }

  partitions(end: FileOffset, latest: FileOffset): SourcePartition[] {
    return [{ key: '', hasRecords: end.logOffset >= 0, hasUnread: latest.logOffset > end.logOffset }];
  }

  async committed(end: FileOffset): Promise<void> {
    for (const { path } of end.files) this.#seen.add(path);
    if (end.logOffset % COMPACT_EVERY !== COMPACT_EVERY - 1) return;
    const { fileSystem, directory } = this.#parts;
    const name = `${directory}/seen-${end.logOffset}`;
    await fileSystem.writeFile(name, [...this.#seen].join('\n'), { overwrite: true });
    for await (const entry of fileSystem.list(directory)) {
      if (entry.path !== name) await fileSystem.delete(entry.path);
    }
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
    };
    if (partitions.length === 0) return scan;
    const columns = leaf.output.map((attribute) => {
      const { id, type, nullable } = attribute;
      return { attribute, value: { kind: 'column', id, type, nullable } as const };
    });
    return { kind: 'project', output: leaf.output, input: scan, columns };
  }

  async #found(): Promise<SeenFile[]> {
    try {
      return await findFiles(this.#parts.fileSystem, this.#path, this.#leaf.options);
    } catch (thrown) {
      // A directory may begin to exist with its first file.
      if (hasCode(thrown, 'FILE_NOT_FOUND')) return [];
      throw thrown;
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
