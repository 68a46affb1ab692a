import { assert } from '../../common/assert.ts';
import type { ObservationInput } from '../../proto/gen/quarry/Observation.ts';
import type { SqlStep } from '../../proto/gen/quarry/SqlStep.ts';
import type { StateFile } from '../../proto/gen/quarry/StateFile.ts';
import type { WrittenStateInput } from '../../proto/gen/quarry/WrittenState.ts';
import type { KernelSession } from '../kernel/duckdb-kernel.ts';
import { type LocalParquet, localParquet } from '../task/file-output-writer.ts';
import type { ExecutorEnvironment, TaskContext } from '../task/task-runner.ts';

/** What the steps of a task leave. Files are on their way when the steps are done: the task ends when they have arrived. */
export interface StepOutcome {
  readonly observed: ObservationInput[];
  readonly states: Promise<WrittenStateInput[]>;
}

/** Runs the steps of a task in their order; `fill` puts the inputs into a statement. */
export async function runSteps(
  steps: readonly SqlStep[],
  fill: (sql: string) => string,
  session: KernelSession,
  environment: ExecutorEnvironment,
  context: TaskContext,
): Promise<StepOutcome> {
  const observed: ObservationInput[] = [];
  const uploads: Promise<WrittenStateInput>[] = [];
  for (const step of steps) {
    const sql = fill(step.sql);
    if (step.file != null) {
      const local = await localParquet(session, environment, sql, context);
      if (local === undefined) continue;
      const upload = uploadState(step.file, local, environment, context);
      // Awaited with the others at the end; until then a failure must not count as one that nobody handles.
      upload.catch(() => undefined);
      uploads.push(upload);
    } else if (step.observe) {
      const rows = (await session.rows(sql)) as (string | null)[][];
      observed.push({
        name: step.observe,
        rows: rows.map((cells) => ({ cells: cells.map((cell) => cell ?? '') })),
      });
    } else {
      assert(step.table, 'a step makes a table, a file or an observation');
      await session.run(`CREATE TEMP TABLE ${step.table} AS ${sql}`);
    }
  }
  const states = Promise.all(uploads);
  states.catch(() => undefined);
  return { observed, states };
}

async function uploadState(
  file: StateFile,
  local: LocalParquet,
  environment: ExecutorEnvironment,
  context: TaskContext,
): Promise<WrittenStateInput> {
  const { id } = context.request;
  // Two attempts of one task never write the same file: which of them counts is in the driver's commit.
  const target = `${file.path}-${id?.jobId.slice(-8)}-${id?.attempt}.parquet`;
  await local.upload(target);
  const { inodeId, generation, lengthBytes } = await environment.fileSystem.stat(target);
  return { name: file.name, path: target, inodeId, generation, lengthBytes, rowCount: local.rowCount };
}
