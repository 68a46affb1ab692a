import type { CronSchedule, Json, JsonObject } from '../core/dag-model.ts';
import type { RunRecord } from '../core/records.ts';
import { isoSeconds } from '../core/schedule-runs.ts';
import { timetableOf } from '../core/timetable.ts';
import type { TemplateScope } from './template.ts';

/** What every template may name besides `params.NAME` and `outputs.TASK`. */
export const SCOPE_NAMES = [
  'ds',
  'ds_nodash',
  'ds_local',
  'ts',
  'ts_nodash',
  'logical_date',
  'data_interval_start',
  'data_interval_end',
  'prev_data_interval_start',
  'prev_data_interval_end',
  'next_data_interval_start',
  'next_data_interval_end',
  'dag_id',
  'task_id',
  'run_id',
  'run_kind',
  'try_number',
] as const;

export interface ScopeOf {
  readonly run: RunRecord;
  readonly schedule: CronSchedule | undefined;
  readonly taskId: string;
  readonly tryNumber: number;
  readonly outputs: JsonObject;
  /** Of a callback: why the task failed. */
  readonly error: string | undefined;
}

/** The values for one attempt. `ds` is the UTC date of the logical date, `ds_local` its date in the schedule's time zone. */
export function runScope({ run, schedule, taskId, tryNumber, outputs, error }: ScopeOf): TemplateScope {
  const ts = isoSeconds(run.logicalMs);
  const ds = ts.slice(0, 10);
  const timetable = schedule === undefined ? undefined : timetableOf(schedule);
  // A manual run at no tick lies in the midst of a window: what is before it is over at its start.
  const previous = timetable?.previous(run.logicalMs);
  const next = timetable?.next(run.logicalMs);
  return {
    ds,
    ds_nodash: ds.replaceAll('-', ''),
    ds_local: localDate(run.logicalMs, schedule?.timezone ?? 'UTC'),
    ts,
    ts_nodash: new Date(run.logicalMs).toISOString().slice(0, 19).replaceAll(/[-:]/g, ''),
    logical_date: ts,
    data_interval_start: isoSeconds(run.intervalStartMs),
    data_interval_end: isoSeconds(run.intervalEndMs),
    prev_data_interval_start: iso(previous?.startMs),
    prev_data_interval_end: iso(previous?.endMs),
    next_data_interval_start: iso(next?.startMs),
    next_data_interval_end: iso(next?.endMs),
    dag_id: run.dagId,
    task_id: taskId,
    run_id: run.runId,
    run_kind: run.kind,
    try_number: tryNumber,
    params: run.params as Json,
    outputs: outputs as Json,
    ...(error === undefined ? {} : { error }),
  };
}

function iso(ms: number | undefined): string {
  return ms === undefined ? '' : isoSeconds(ms);
}

function localDate(ms: number, timeZone: string): string {
  // Swedish writes dates as ISO 8601 does.
  return new Intl.DateTimeFormat('sv-SE', {
    timeZone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
  }).format(ms);
}
