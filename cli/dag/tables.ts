import type { DagView, Grid, RunDetail, TaskView } from '../../workflow/service/views.ts';

export function dagLine(dag: DagView): string {
  const state = dag.isPaused ? 'paused' : (dag.lastRun?.state ?? 'never ran');
  const next = dag.nextRunAt === null ? '' : `  next ${dag.nextRunAt}`;
  return `${dag.dagId.padEnd(24)}${state.padEnd(12)}${dag.schedule ?? 'no schedule'}${next}`;
}

/** One letter a task: a run's row is as long as the DAG has tasks. */
const LETTERS: Readonly<Record<string, string>> = {
  none: '.',
  scheduled: 's',
  queued: 'q',
  running: 'r',
  success: '+',
  failed: 'X',
  up_for_retry: 'R',
  up_for_reschedule: 'w',
  skipped: '-',
  upstream_failed: 'x',
};

export function gridLines(grid: Grid): string[] {
  if (grid.runs.length === 0) return ['no runs'];
  const rows = grid.runs.map(
    (run) =>
      `${run.logicalDate.padEnd(31)}${run.state.padEnd(9)}${run.states.map((state) => LETTERS[state] ?? '?').join('')}  ${run.runId}`,
  );
  return [
    ...rows,
    '+ success, X failed, x upstream failed, - skipped, r running, R up for retry, w up for reschedule',
  ];
}

export function runLines(run: RunDetail): string[] {
  return [
    `${run.dagId} ${run.runId}: ${run.state}, data interval ${run.intervalStart} to ${run.intervalEnd}`,
    ...run.tasks.map((task) => `  ${taskLine(task)}`),
  ];
}

export function taskLine(task: TaskView): string {
  const tries = task.tryNumber > 1 ? ` try ${task.tryNumber}` : '';
  const error =
    task.error === null || task.state === 'success' ? '' : `  ${task.error.code}: ${task.error.message}`;
  return `${task.taskId.padEnd(24)}${task.state}${tries}${error}`;
}
