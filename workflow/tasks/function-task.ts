import { QuarryError } from '../../common/quarry-error.ts';
import type { Json, JsonObject } from '../core/dag-model.ts';
import { loadDagFile } from '../load/load-dag-file.ts';
import type { TaskContext } from '../model/actions.ts';
import { functionOf } from '../model/dag-model-of.ts';
import type { AttemptInput } from '../run/attempt-directory.ts';
import { Skipped } from '../run/skipped.ts';
import { render } from '../template/template.ts';
import { toText } from '../template/to-text.ts';

/** Loads the DAG's file again and calls the function. Errors: DAG_INVALID when the file has changed and it is gone. */
export async function runFunction(input: AttemptInput): Promise<Json | void> {
  const dags = await loadDagFile(input.dagFile);
  const dag = dags.find((candidate) => candidate.dagId === input.dagId);
  const run = dag === undefined ? undefined : functionOf(dag, input.taskId, input.callback);
  if (run === undefined) {
    const what = [input.dagId, input.taskId, input.callback].filter(Boolean).join('.');
    throw new QuarryError('DAG_INVALID', `${input.dagFile} has no function ${what} any more`);
  }
  return run(contextOf(input));
}

function contextOf({ scope, ...input }: AttemptInput): TaskContext {
  const text = (name: string) => toText(scope[name]);
  return {
    dagId: input.dagId,
    taskId: input.taskId,
    runId: input.runId,
    tryNumber: Number(scope['try_number']),
    ds: text('ds'),
    logicalDate: new Date(text('logical_date')),
    dataIntervalStart: new Date(text('data_interval_start')),
    dataIntervalEnd: new Date(text('data_interval_end')),
    params: scope['params'] as JsonObject,
    outputs: scope['outputs'] as JsonObject,
    error: scope['error'] === undefined ? undefined : text('error'),
    render: (template) => render(template, scope),
    skip(reason) {
      throw new Skipped(reason);
    },
  };
}
