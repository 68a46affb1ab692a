import { assert, unreachable } from '../../common/assert.ts';
import type { RddSource } from '../../common/rdd/rdd-task.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { ShuffleInput } from '../../proto/gen/quarry/ShuffleInput.ts';
import type { SqlTask } from '../../proto/gen/quarry/SqlTask.ts';
import type { ExecutorEnvironment, TaskContext, TaskRunner } from '../task/task-runner.ts';
import { readOffsetOf } from './line-splitter.ts';
import type { InputChunk } from './task-channel.ts';

const NEWLINE = 10;
/** Shuffle segments are handed on in pieces of about that size. */
const PIECE_BYTES = 1024 * 1024;

/** Runs the queries of `sql` sources. */
export type SqlRunner = Pick<TaskRunner, 'run'>;

/** The bytes of a task's source, as its thread takes them. Errors: as the file system, the shuffle store and the SQL runner. */
export function chunksOfSource(
  source: RddSource,
  environment: ExecutorEnvironment,
  context: TaskContext,
  sql: SqlRunner,
): AsyncIterable<InputChunk> {
  switch (source.kind) {
    case 'lines':
      return fileChunks(source, environment, context);
    case 'values':
      return ends(0);
    case 'sql':
      return sqlChunks(source.task as SqlTask, context, sql);
    case 'shuffle':
      return shuffleChunks([{ input: 0, stage: source.stage }], environment, context);
    case 'join':
      // The right side first: the thread keeps it whole before it looks at the left.
      return shuffleChunks(
        [
          { input: 1, stage: source.right },
          { input: 0, stage: source.left },
        ],
        environment,
        context,
      );
    default:
      return unreachable(source);
  }
}

async function* ends(input: number): AsyncGenerator<InputChunk> {
  yield { input, bytes: 'end' };
}

/** From before the range to the file's end: the thread says when it has seen the end of its last line. */
async function* fileChunks(
  source: RddSource & { readonly kind: 'lines' },
  { fileSystem, node }: ExecutorEnvironment,
  { metrics, signal }: TaskContext,
): AsyncGenerator<InputChunk> {
  const offset = readOffsetOf(source);
  const located = await fileSystem.locate(source.path, { offset });
  const labels = new Set(located.blocks[0]?.locations.map(({ hostLabel }) => hostLabel));
  const isLocal = labels.has(node);
  if (isLocal) metrics.readNodes.add(node);
  else for (const label of labels) metrics.readNodes.add(label);
  for await (const bytes of fileSystem.openLocated(located, { offset })) {
    if (signal.aborted) throw new QuarryError('INTERRUPTED', 'the task was cancelled');
    if (isLocal) metrics.localBytes += bytes.length;
    else metrics.remoteBytes += bytes.length;
    yield { input: 0, bytes };
  }
  yield { input: 0, bytes: 'end' };
}

async function* shuffleChunks(
  sides: readonly { readonly input: number; readonly stage: number }[],
  { shuffle }: ExecutorEnvironment,
  { request, metrics, signal }: TaskContext,
): AsyncGenerator<InputChunk> {
  for (const { input, stage } of sides) {
    const source = request.shuffles.find((candidate: ShuffleInput) => candidate.stage === stage);
    assert(source !== undefined, `the task was told where stage ${stage} is`);
    for (const output of source.outputs) {
      const segments = await shuffle.readSegments({
        stage,
        output,
        partitions: source.partitions,
        signal,
        onBytes: (bytes) => {
          metrics.shuffleReadBytes += bytes;
        },
      });
      for (const segment of segments) for (const bytes of piecesOf(segment)) yield { input, bytes };
    }
    yield { input, bytes: 'end' };
  }
}

/** Whole lines. */
function* piecesOf(segment: Buffer): Generator<Buffer> {
  for (let start = 0; start < segment.length; ) {
    const newline = segment.indexOf(NEWLINE, Math.min(start + PIECE_BYTES, segment.length - 1));
    const end = newline === -1 ? segment.length : newline + 1;
    yield segment.subarray(start, end);
    start = end;
  }
}

/** The batches of a query that runs here, one at a time: it waits while the thread is behind. */
async function* sqlChunks(task: SqlTask, context: TaskContext, sql: SqlRunner): AsyncGenerator<InputChunk> {
  const queue: { readonly data: Buffer; readonly taken: () => void }[] = [];
  let wake: () => void = () => undefined;
  const run: { state: 'running' | 'ended' | { readonly error: unknown } } = { state: 'running' };
  const leave = new AbortController();
  const finish = (state: typeof run.state) => {
    run.state = state;
    wake();
  };
  sql
    .run({
      ...context,
      request: { ...context.request, work: 'sql', sql: task },
      signal: AbortSignal.any([context.signal, leave.signal]),
      emit: (data) =>
        new Promise((taken) => {
          queue.push({ data, taken });
          wake();
        }),
    })
    .then(
      () => finish('ended'),
      (error: unknown) => finish({ error }),
    );
  try {
    for (;;) {
      const batch = queue.shift();
      if (batch !== undefined) {
        yield { input: 0, bytes: batch.data };
        batch.taken();
      } else if (run.state === 'ended') break;
      else if (run.state !== 'running') throw QuarryError.from(run.state.error);
      else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    leave.abort();
    for (const { taken } of queue) taken();
  }
  yield { input: 0, bytes: 'end' };
}
