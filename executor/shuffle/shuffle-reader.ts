import { assert } from '../../common/assert.ts';
import type { ShuffleInput } from '../../proto/gen/quarry/ShuffleInput.ts';
import type { ShuffleSource } from '../../proto/gen/quarry/ShuffleSource.ts';
import { quote, quoteName } from '../kernel/duckdb-kernel.ts';
import type { TaskContext } from '../task/task-runner.ts';
import type { LocalShuffleFile, ShuffleStore } from './shuffle-store.ts';

const FILES_AT_ONCE = 8;

export interface OpenShuffle {
  /** What stands in FROM. */
  readonly sql: string;
  close(): void;
}

/** Makes the wanted partitions of a parent stage readable for the kernel, in the order of its map tasks. Errors: SHUFFLE_LOST. */
export async function openShuffle(
  source: ShuffleSource,
  store: ShuffleStore,
  context: TaskContext,
): Promise<OpenShuffle> {
  const input = context.request.shuffles.find((shuffle) => shuffle.stage === source.stage);
  assert(input !== undefined, `the task reads stage ${source.stage} but was given no outputs of it`);
  const outputs = input.outputs.filter((output) =>
    input.partitions.length === 0
      ? output.rowCount > 0
      : input.partitions.some((partition) => (output.segments[partition]?.rowCount ?? 0) > 0),
  );
  const files: LocalShuffleFile[] = [];
  const close = () => {
    for (const file of files.splice(0)) file?.release();
  };
  let next = 0;
  const worker = async () => {
    while (next < outputs.length) {
      const index = next++;
      files[index] = await store.openLocal({
        stage: source.stage,
        output: outputs[index]!,
        partitions: input.partitions,
        signal: context.signal,
        onBytes: (bytes) => (context.metrics.shuffleReadBytes += bytes),
      });
    }
  };
  const settled = await Promise.allSettled(
    Array.from({ length: Math.min(FILES_AT_ONCE, outputs.length) }, worker),
  );
  const failed = settled.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) {
    close();
    throw failed.reason;
  }
  return { sql: renderShuffle(source, input, files), close };
}

function renderShuffle(
  source: ShuffleSource,
  input: ShuffleInput,
  files: readonly LocalShuffleFile[],
): string {
  if (files.length === 0) {
    const columns = source.columns.map(
      ({ name, kernelType }) => `CAST(NULL AS ${kernelType}) AS ${quoteName(name)}`,
    );
    return `(SELECT ${columns.join(', ') || '1 AS q_'} WHERE false)`;
  }
  const columns = source.columns.map(({ name }) => quoteName(name)).join(', ') || '1 AS q_';
  const paths = files.map((file) => quote(file.path)).join(', ');
  // Row groups of other partitions may be holes: the statistics keep the kernel from reading them.
  const where =
    source.partitionColumn === '' || input.partitions.length === 0
      ? ''
      : ` WHERE ${quoteName(source.partitionColumn)} ${among(input.partitions)}`;
  return `(SELECT ${columns} FROM read_parquet([${paths}])${where})`;
}

function among(partitions: readonly number[]): string {
  return partitions.length === 1 ? `= ${partitions[0]}` : `IN (${partitions.join(', ')})`;
}
