import { assert, unreachable } from '../../common/assert.ts';
import type { RddSink } from '../../common/rdd/rdd-task.ts';
import type { FileWriter } from '../../client/fs/file-writer.ts';
import type { ExecutorEnvironment, TaskContext, TaskOutcome } from '../task/task-runner.ts';
import { ShuffleOutput } from './shuffle-output.ts';

/** Where a task's records go. `finish` after all of them, or `discard`. */
export interface TaskOutput {
  rows(lines: Uint8Array, rowCount: number): Promise<void>;
  partition(partition: number, lines: Uint8Array, rowCount: number): Promise<void>;
  finish(rowsWritten: number): Promise<TaskOutcome>;
  discard(): Promise<void>;
}

export async function openOutput(
  sink: RddSink,
  environment: ExecutorEnvironment,
  context: TaskContext,
): Promise<TaskOutput> {
  switch (sink.kind) {
    case 'rows':
      return rowsOutput(context);
    case 'count':
      return { ...nothing, finish: async (count) => ({ result: { count } }) };
    case 'shuffle':
      return shuffleOutput(sink.partitions, environment, context);
    case 'file':
      return fileOutput(sink.path, environment, context);
    default:
      return unreachable(sink);
  }
}

const nothing = {
  rows: async () => assert(false, 'this sink takes no rows'),
  partition: async () => assert(false, 'this sink has no partitions'),
  discard: async () => undefined,
} as const;

/** Arrow's library is loaded by the first task that answers rows. */
async function rowsOutput(context: TaskContext): Promise<TaskOutput> {
  const { arrowOfLines } = await import('../../common/rdd/arrow-lines.ts');
  return {
    ...nothing,
    rows: (lines, rowCount) => context.emit(arrowOfLines(lines, rowCount), rowCount),
    finish: async () => ({}),
  };
}

async function shuffleOutput(
  partitions: number,
  { shuffle }: ExecutorEnvironment,
  { request, metrics }: TaskContext,
): Promise<TaskOutput> {
  assert(request.id !== null, 'a task has an id');
  const output = await ShuffleOutput.open(shuffle, request.id, partitions);
  return {
    ...nothing,
    partition: (partition, lines, rowCount) => output.add(partition, lines, rowCount),
    finish: async () => {
      const mapOutput = await output.commit();
      metrics.shuffleWriteBytes += Number(mapOutput.lengthBytes);
      return { mapOutput };
    },
    discard: () => output.discard(),
  };
}

/** The file of this attempt alone: the driver moves it to its place when the job has succeeded. */
async function fileOutput(
  stem: string,
  { fileSystem }: ExecutorEnvironment,
  { request }: TaskContext,
): Promise<TaskOutput> {
  assert(request.id !== null, 'a task has an id');
  const path = `${stem}.${request.id.attempt}`;
  const writer: FileWriter = await fileSystem.create(path, { overwrite: true });
  let lengthBytes = 0;
  return {
    ...nothing,
    rows: async (lines) => {
      lengthBytes += lines.length;
      await writer.write(Buffer.from(lines.buffer, lines.byteOffset, lines.length));
    },
    finish: async (rowCount) => {
      await writer.close();
      return { result: { path, rowCount, lengthBytes } };
    },
    discard: () => writer.abort(),
  };
}
