import type { FileSystem } from '../../client/fs/file-system.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { RddFiles } from '../../proto/gen/quarry/RddFiles.ts';
import type { RddValues } from '../../proto/gen/quarry/RddValues.ts';
import type { FileIndex } from '../files/file-index.ts';
import { findFiles, type FoundFile } from '../files/find-files.ts';
import { parquetTask, rowGroupSplits } from './parquet-task.ts';
import { type Pipeline, pipeline } from './pipeline.ts';
import { textSplits } from './text-splits.ts';

/** Files whose blocks are asked for at once. */
const FILES_AT_ONCE = 16;

export interface SourceContext {
  readonly fileSystem: FileSystem;
  readonly files: Pick<FileIndex, 'resolve' | 'footer'>;
}

/** The partitions of files, in path order. Errors: FILE_NOT_FOUND, BAD_DATA, INVALID_PATH, UNSUPPORTED for file:// paths. */
export async function filePipelines(source: RddFiles, context: SourceContext): Promise<Pipeline[]> {
  const outside = source.paths.find((path) => /^file:/i.test(path));
  if (outside !== undefined) {
    throw new QuarryError(
      'UNSUPPORTED',
      `RDDs read files of the cluster: put ${outside} there first, with quarry fs put`,
      { details: { path: outside } },
    );
  }
  return source.format === 'PARQUET' ? parquetPipelines(source, context) : linePipelines(source, context);
}

/** The program's own values, in order, as evenly as they go. */
export function valuePipelines({ values, partitions }: RddValues, defaultPartitions: number): Pipeline[] {
  const count = Math.max(1, Math.min(partitions || defaultPartitions, values.length));
  return Array.from({ length: count }, (_, index) => {
    const start = Math.floor((index * values.length) / count);
    const end = Math.floor(((index + 1) * values.length) / count);
    return pipeline({ kind: 'values', values: values.slice(start, end) });
  });
}

async function linePipelines(
  { paths, format, minPartitions }: RddFiles,
  { fileSystem }: SourceContext,
): Promise<Pipeline[]> {
  const found = (await Promise.all(paths.map((path) => findFiles(fileSystem, path, {})))).flat();
  const totalBytes = found.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
  const splitBytesMax = minPartitions > 0 ? Math.ceil(totalBytes / minPartitions) : Number.POSITIVE_INFINITY;
  return inBatches(found, async ({ path, lengthBytes }) => {
    if (lengthBytes === 0) return [];
    const blocks = await fileSystem.blockLocations(path);
    return textSplits(blocks, splitBytesMax).map((split) =>
      pipeline(
        {
          kind: 'lines',
          format: format === 'JSON_LINES' ? 'json' : 'text',
          path,
          offsetBytes: split.offsetBytes,
          lengthBytes: split.lengthBytes,
        },
        { preferredNodes: split.nodes, scanBytes: split.lengthBytes },
      ),
    );
  });
}

async function parquetPipelines(
  { paths }: RddFiles,
  { fileSystem, files }: SourceContext,
): Promise<Pipeline[]> {
  const resolved = await files.resolve({ paths, format: 'parquet', options: {} });
  return inBatches(resolved.files, async (file) => {
    const [footer, blocks] = await Promise.all([files.footer(file), fileSystem.blockLocations(file.path)]);
    return rowGroupSplits(footer, blocks).map(({ rowGroups, lengthBytes, nodes }) =>
      pipeline(
        { kind: 'sql', task: parquetTask(file, rowGroups, resolved) },
        { preferredNodes: nodes, scanBytes: lengthBytes },
      ),
    );
  });
}

async function inBatches<T extends Pick<FoundFile, 'path'>>(
  files: readonly T[],
  plan: (file: T) => Promise<Pipeline[]>,
): Promise<Pipeline[]> {
  const pipelines: Pipeline[] = [];
  for (let at = 0; at < files.length; at += FILES_AT_ONCE) {
    const batch = await Promise.all(files.slice(at, at + FILES_AT_ONCE).map(plan));
    for (const planned of batch) pipelines.push(...planned);
  }
  return pipelines;
}
