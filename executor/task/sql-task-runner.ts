import type { DuckDBResult } from '@duckdb/node-api';
import { assert } from '../../common/assert.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { ObservationInput } from '../../proto/gen/quarry/Observation.ts';
import type { ResultOutput } from '../../proto/gen/quarry/ResultOutput.ts';
import type { SqlInput } from '../../proto/gen/quarry/SqlInput.ts';
import type { SqlTask } from '../../proto/gen/quarry/SqlTask.ts';
import type { WrittenStateInput } from '../../proto/gen/quarry/WrittenState.ts';
import { ArrowWriter } from '../arrow/arrow-writer.ts';
import type { KernelSession } from '../kernel/duckdb-kernel.ts';
import { fromKernelError } from '../kernel/kernel-error.ts';
import type { KernelPool } from '../kernel/kernel-pool.ts';
import type { ScanReader } from '../scan/scan-reader.ts';
import { loadLog } from '../stream/log-loader.ts';
import { LogClients } from '../stream/log-clients.ts';
import { runSteps } from '../stream/run-steps.ts';
import { openText } from '../stream/text-input.ts';
import { openShuffle } from '../shuffle/shuffle-reader.ts';
import { writeShuffle } from '../shuffle/shuffle-writer.ts';
import { writeFiles } from './file-output-writer.ts';
import type { ExecutorEnvironment, TaskContext, TaskOutcome, TaskRunner } from './task-runner.ts';

interface OpenInput {
  readonly view: string;
  readonly sql: string;
  /** Read once, into a table under the word that stands for it. */
  readonly isTable: boolean;
  /** Under which name its rows are told; empty where nobody asks. */
  readonly counted: string;
  readonly rowsRead: number;
  close(): void;
}

/** A task inside the kernel. */
interface Running {
  readonly session: KernelSession;
  readonly context: TaskContext;
  readonly fill: (sql: string) => string;
}

/** Runs a task that is one statement of the kernel: opens its inputs, runs it, sends or stores what comes out. */
export class SqlTaskRunner implements TaskRunner {
  readonly #environment: ExecutorEnvironment;
  readonly #kernels: KernelPool;
  readonly #scans: ScanReader;
  readonly #logs: LogClients;

  constructor(environment: ExecutorEnvironment, kernels: KernelPool, scans: ScanReader) {
    this.#environment = environment;
    this.#kernels = kernels;
    this.#scans = scans;
    this.#logs = new LogClients(environment.executorId);
  }

  async run(context: TaskContext): Promise<TaskOutcome> {
    const task = context.request.sql;
    assert(task != null, 'a SQL task has its statement');
    const [logs, others] = [
      task.inputs.filter(({ log }) => log != null),
      task.inputs.filter(({ log }) => log == null),
    ];
    const inputs = await this.#openAll(others, context);
    try {
      const direct = inputs.filter(({ isTable }) => !isTable);
      const fill = (sql: string) =>
        direct.reduce((text, input) => text.replaceAll(input.view, () => input.sql), sql);
      return await this.#kernels.use(task.timeZone || 'UTC', context.signal, async (session) => {
        const running = { session, context, fill };
        const loaded = await this.#load(logs, running);
        for (const input of inputs) {
          const rowsRead = input.isTable ? await loadTable(input, running) : input.rowsRead;
          if (input.counted !== '') loaded.push(rowsObserved(input.counted, rowsRead));
        }
        const steps = await runSteps(task.steps, fill, session, this.#environment, context);
        const outcome = await this.#output(task, running);
        if (loaded.length === 0 && task.steps.length === 0) return outcome;
        return withSteps(outcome, { states: await steps.states, observed: [...loaded, ...steps.observed] });
      });
    } catch (thrown) {
      throw explain(thrown, task, context.signal);
    } finally {
      for (const input of inputs) input.close();
    }
  }

  async close(): Promise<void> {
    this.#kernels.close();
    await this.#logs.close();
  }

  /** A log's records become a table under the input's own word. */
  async #load(inputs: readonly SqlInput[], { session, context }: Running): Promise<ObservationInput[]> {
    const observed: ObservationInput[] = [];
    for (const { view, log } of inputs) {
      const loaded = await loadLog(await this.#logs.get(log!.url, log!.settings), log!, view, {
        session,
        directory: this.#environment.memoryDirectory,
        signal: context.signal,
      });
      context.metrics.rowsRead += loaded.reduce((sum, { rowCount }) => sum + rowCount, 0);
      for (const { range, rowCount } of loaded)
        observed.push(rowsObserved(`${range.topic}/${range.partition}`, rowCount));
    }
    return observed;
  }

  async #openAll(inputs: readonly SqlInput[], context: TaskContext): Promise<OpenInput[]> {
    const settled = await Promise.allSettled(inputs.map((input) => this.#open(input, context)));
    const failed = settled.find((outcome) => outcome.status === 'rejected');
    if (failed === undefined)
      return settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    for (const outcome of settled) if (outcome.status === 'fulfilled') outcome.value.close();
    throw failed.reason;
  }

  async #open(input: SqlInput, context: TaskContext): Promise<OpenInput> {
    const { view, scan, shuffle, text, counted } = input;
    if (text != null) {
      const { fileSystem, memoryDirectory } = this.#environment;
      const opened = await openText(text, fileSystem, memoryDirectory, context.signal);
      return { view, counted, isTable: counted !== '', rowsRead: 0, ...opened };
    }
    if (scan != null) {
      const opened = await this.#scans.open(scan, context.metrics, context.signal);
      return { view, counted, isTable: false, ...opened };
    }
    assert(shuffle != null, 'an input is a scan or a shuffle');
    const plain = { view, counted: '', isTable: false, rowsRead: 0 };
    return { ...plain, ...(await openShuffle(shuffle, this.#environment.shuffle, context)) };
  }

  async #output(task: SqlTask, { session, context, fill }: Running): Promise<TaskOutcome> {
    const sql = fill(task.sql);
    if (task.result != null) {
      await sendResult(session, task.result, { sql, timeZone: task.timeZone || 'UTC' }, context);
      return {};
    }
    const { id, outputPartitions } = context.request;
    assert(id != null, 'a task has an id');
    if (task.shuffle != null) {
      const { partitionColumn } = task.shuffle;
      const mapOutput = await writeShuffle(session, this.#environment.shuffle, sql, {
        id,
        partitions: outputPartitions,
        partitionColumn,
      });
      context.metrics.shuffleWriteBytes += Number(mapOutput.lengthBytes);
      context.metrics.rowsWritten += Number(mapOutput.rowCount);
      return { mapOutput };
    }
    assert(task.file != null, 'a task has an output');
    return { result: await writeFiles(session, this.#environment, { sql, output: task.file }, context) };
  }
}

/** Files of text are parsed once, whatever reads them. */
async function loadTable({ view, sql }: OpenInput, { session, context }: Running): Promise<number> {
  await session.run(`CREATE TEMP TABLE ${view} AS SELECT * FROM ${sql}`);
  const [row] = await session.rows(`SELECT count(*) FROM ${view}`);
  const rowsRead = Number(row?.[0] ?? 0);
  context.metrics.rowsRead += rowsRead;
  return rowsRead;
}

function rowsObserved(source: string, rowCount: number): ObservationInput {
  return { name: 'log-rows', rows: [{ cells: [source, String(rowCount)] }] };
}

function withSteps(
  outcome: TaskOutcome,
  steps: { readonly states: WrittenStateInput[]; readonly observed: ObservationInput[] },
): TaskOutcome {
  const files = (outcome.result as { files?: unknown } | undefined)?.files ?? [];
  return { ...outcome, result: { files, ...steps } };
}

async function sendResult(
  session: KernelSession,
  output: ResultOutput,
  query: { readonly sql: string; readonly timeZone: string },
  context: TaskContext,
): Promise<void> {
  const result = await session.stream(query.sql);
  const writer = new ArrowWriter(output.columns, query.timeZone);
  writer.checkTypes(result);
  let sent = 0;
  const send = async () => {
    const { data, rowCount } = writer.finishBatch();
    sent++;
    context.metrics.rowsWritten += rowCount;
    await context.emit(data, rowCount);
  };
  for (let chunk = await nextChunk(result); chunk !== null; chunk = await nextChunk(result)) {
    if (context.signal.aborted) throw new QuarryError('INTERRUPTED', 'the task was cancelled');
    writer.append(chunk);
    if (writer.isFull) await send();
  }
  if (writer.rowCount > 0 || sent === 0) await send();
}

async function nextChunk(result: DuckDBResult) {
  try {
    const chunk = await result.fetchChunk();
    return chunk === null || chunk.rowCount === 0 ? null : chunk;
  } catch (thrown) {
    throw fromKernelError(thrown);
  }
}

/** The kernel names no file when it meets a damaged one: the task's are named here. */
function explain(thrown: unknown, task: SqlTask, signal: AbortSignal): unknown {
  if (signal.aborted) return new QuarryError('INTERRUPTED', 'the task was cancelled', { cause: thrown });
  if (
    !(thrown instanceof QuarryError) ||
    thrown.code !== 'BAD_DATA' ||
    thrown.details['path'] !== undefined
  ) {
    return thrown;
  }
  if (!/TProtocol|Snappy|ZSTD|parquet|corrupt|decompress/i.test(thrown.message)) return thrown;
  const paths = task.inputs.flatMap((input) => input.scan?.splits.map((split) => split.path) ?? []);
  if (paths.length === 0) return thrown;
  const shown = paths.slice(0, 3).join(', ');
  return new QuarryError(
    'BAD_DATA',
    `a Parquet file is damaged, one of ${shown}${paths.length > 3 ? ` and ${paths.length - 3} more` : ''}: ${thrown.message}`,
    { cause: thrown, details: { ...thrown.details, path: paths[0]! } },
  );
}
