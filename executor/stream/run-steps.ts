import { assert } from '../../common/assert.ts';
import type { ObservationInput } from '../../proto/gen/quarry/Observation.ts';
import type { SqlStep } from '../../proto/gen/quarry/SqlStep.ts';
import type { StateFile } from '../../proto/gen/quarry/StateFile.ts';
import type { WrittenStateInput } from '../../proto/gen/quarry/WrittenState.ts';
import type { KernelSession } from '../kernel/duckdb-kernel.ts';
import { writeParquet } from '../task/file-output-writer.ts';
import type { ExecutorEnvironment, TaskContext } from '../task/task-runner.ts';

export interface StepOutcome {
  readonly observed: ObservationInput[];
  readonly states: WrittenStateInput[];
}

/** Runs the steps of a task in their order; `fill` puts the inputs into a statement. Files are uploaded while later steps run. */
export async function runSteps(
  steps: readonly SqlStep[],
  fill: (sql: string) => string,
  session: KernelSession,
  environment: ExecutorEnvironment,
  context: TaskContext,
): Promise<StepOutcome> {
  const outcome: StepOutcome = { observed: [], states: [] };
  for (const step of steps) {
    const sql = fill(step.sql);
    if (step.file != null) {
      const written = await writeState(step.file, sql, session, environment, context);
      if (written !== undefined) outcome.states.push(written);
    } else if (step.observe) {
      const rows = (await session.rows(sql)) as (string | null)[][];
      outcome.observed.push({
        name: step.observe,
        rows: rows.map((cells) => ({ cells: cells.map((cell) => cell ?? '') })),
      });
    } else {
      assert(step.table, 'a step makes a table, a file or an observation');
      await session.run(`CREATE TEMP TABLE ${step.table} AS ${sql}`);
    }
  }
  return outcome;
}

async function writeState(
  file: StateFile,
  sql: string,
  session: KernelSession,
  environment: ExecutorEnvironment,
  context: TaskContext,
): Promise<WrittenStateInput | undefined> {
  const { id } = context.request;
  // Two attempts of one task never write the same file: which of them counts is in the driver's commit.
  const target = `${file.path}-${id?.jobId.slice(-8)}-${id?.attempt}.parquet`;
  const written = await writeParquet(session, environment, { sql, target }, context);
  if (written === undefined) return undefined;
  const { inodeId, generation, lengthBytes } = await environment.fileSystem.stat(target);
  return {
    name: file.name,
    path: target,
    inodeId,
    generation,
    lengthBytes,
    rowCount: Number(written.rowCount),
  };
}
