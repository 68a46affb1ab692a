import type { FileSystem } from '../../client/fs/file-system.ts';
import { type ParquetFooter, readParquetFooter } from '../../common/parquet/parquet-footer.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { FileSource, ResolvedFiles } from '../plan/analyzer-context.ts';
import type { ScanFile } from '../plan/logical-plan.ts';
import type { StructField, StructType } from '../plan/spark-type.ts';
import { type FoundFile, findFiles, readRange } from './find-files.ts';
import { mergeSchemas } from './merge-schema.ts';
import { sparkSchema } from './parquet-schema.ts';
import { inferPartitionColumn, partitionValuesOf } from './partition-columns.ts';

const FOOTERS_MAX = 10_000;
const FOOTERS_AT_ONCE = 16;

/** Turns the paths of a query into files and a schema. Footers are kept: a file's version names its content. */
export class FileIndex {
  readonly #fileSystem: FileSystem;
  readonly #footers = new Map<string, Promise<ParquetFooter>>();

  constructor(fileSystem: FileSystem) {
    this.#fileSystem = fileSystem;
  }

  /**
   * Directories are read with everything below them, but for names that begin with `_` or `.`. As in Spark, the first
   * file's schema counts unless the option mergeSchema says that all are merged.
   * Errors: FILE_NOT_FOUND with details { errorClass: 'PATH_NOT_FOUND', path }, BAD_DATA for a file that is no Parquet,
   * INVALID_PATH for a foreign authority, ANALYSIS for no file at all, UNSUPPORTED for another format.
   */
  async resolve(source: FileSource): Promise<ResolvedFiles> {
    if (source.format !== 'parquet') {
      throw new QuarryError(
        'UNSUPPORTED',
        `reading ${source.format} is not supported: convert it with quarry ingest and read Parquet`,
        { details: { errorClass: 'DATA_SOURCE_NOT_FOUND', format: source.format } },
      );
    }
    const found = (
      await Promise.all(source.paths.map((path) => findFiles(this.#fileSystem, path, source.options)))
    ).flat();
    if (found.length === 0) {
      throw new QuarryError(
        'ANALYSIS',
        `[UNABLE_TO_INFER_SCHEMA] Unable to infer schema for Parquet: there is no file in ${source.paths.join(', ')}. It must be specified manually.`,
        { details: { errorClass: 'UNABLE_TO_INFER_SCHEMA' } },
      );
    }
    const { partitionColumns, valuesOf } = partitionsOf(found);
    const partitionNames = new Set(partitionColumns.map(({ name }) => name.toLowerCase()));
    const schema = await this.#schema(
      found,
      isTrue(source.options['mergeSchema'] ?? source.options['mergeschema']),
    );
    return {
      files: found.map((file) => toScanFile(file, valuesOf(file))),
      schema: {
        kind: 'struct',
        fields: schema.fields.filter(({ name }) => !partitionNames.has(name.toLowerCase())),
      },
      partitionColumns,
    };
  }

  /** Errors: BAD_DATA, FILE_NOT_FOUND. */
  footer(file: ScanFile): Promise<ParquetFooter> {
    const key = `${file.path}-${file.inodeId}-${file.generation}-${file.lengthBytes}`;
    let footer = this.#footers.get(key);
    if (footer !== undefined) return footer;
    footer = readParquetFooter(file.path, file.lengthBytes, (range) =>
      readRange(this.#fileSystem, file.path, range),
    );
    this.#footers.set(key, footer);
    footer.catch(() => this.#footers.delete(key));
    if (this.#footers.size > FOOTERS_MAX) {
      for (const oldest of this.#footers.keys()) {
        this.#footers.delete(oldest);
        break;
      }
    }
    return footer;
  }

  async #schema(found: readonly FoundFile[], merge: boolean): Promise<StructType> {
    const read = merge ? found : found.slice(0, 1);
    const schemas: StructType[] = [];
    for (let at = 0; at < read.length; at += FOOTERS_AT_ONCE) {
      const batch = read.slice(at, at + FOOTERS_AT_ONCE).map(async (file) => {
        const { metadata } = await this.footer(toScanFile(file, []));
        return sparkSchema(metadata, file.path);
      });
      schemas.push(...(await Promise.all(batch)));
    }
    return schemas.reduce(mergeSchemas);
  }
}

function toScanFile(file: FoundFile, partitionValues: readonly (string | null)[]): ScanFile {
  const { path, inodeId, generation, lengthBytes } = file;
  return { path, inodeId, generation, lengthBytes, partitionValues };
}

function partitionsOf(found: readonly FoundFile[]): {
  partitionColumns: StructField[];
  valuesOf: (file: FoundFile) => (string | null)[];
} {
  const byFile = new Map(found.map((file) => [file, partitionValuesOf(file.base, file.path)]));
  const names: string[] = [];
  for (const values of byFile.values()) {
    for (const name of values.keys()) if (!names.includes(name)) names.push(name);
  }
  const valuesOf = (file: FoundFile) => names.map((name) => byFile.get(file)?.get(name) ?? null);
  const partitionColumns = names.map((name) =>
    inferPartitionColumn(
      name,
      [...byFile.values()].map((values) => values.get(name) ?? null),
    ),
  );
  return { partitionColumns, valuesOf };
}

function isTrue(option: string | undefined): boolean {
  return option?.toLowerCase() === 'true';
}
