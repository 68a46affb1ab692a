import type { DagModel, JsonObject } from './dag-model.ts';
import type { BackfillPart, DagRecord, RunKind, RunRecord } from './records.ts';
import type { Draft } from './scheduler-state.ts';
import { type RunWindow, type Timetable, timetableOf } from './timetable.ts';

/** Makes the runs that the DAG's cron says are due. */
export function scheduleRuns(draft: Draft, model: DagModel): void {
  if (model.schedule === undefined) return;
  const timetable = timetableOf(model.schedule);
  const dag = draft.dag(model.dagId) ?? firstSight(draft, model, timetable);
  if (dag.isPaused) return;
  let { cursorMs } = dag;
  let room = model.maxActiveRuns - scheduledActive(draft, model.dagId);
  while (room > 0) {
    const window = dueWindow(timetable, model, cursorMs, draft.nowMs);
    if (window === undefined) break;
    cursorMs = window.logicalMs;
    if (isBackfilled(draft, model.dagId, window.logicalMs)) continue;
    addRun(draft, model, { kind: 'scheduled', window, params: {} });
    room--;
  }
  if (cursorMs !== dag.cursorMs) draft.put({ kind: 'dag', record: { ...dag, cursorMs } });
}

/**
 * With catchup a DAG begins at its start date. Without, an interval DAG begins with the newest interval that is over (last night's
 * run happens at once), a trigger DAG with the next tick.
 */
function firstSight(draft: Draft, model: DagModel, timetable: Timetable): DagRecord {
  let cursorMs = model.startMs - 1;
  if (!model.catchup) {
    const newest =
      model.schedule?.semantics === 'trigger'
        ? draft.nowMs
        : (timetable.latestDue(draft.nowMs)?.logicalMs ?? 0) - 1;
    cursorMs = Math.max(cursorMs, newest);
  }
  const record: DagRecord = { dagId: model.dagId, isPaused: false, cursorMs };
  draft.put({ kind: 'dag', record });
  return record;
}

function dueWindow(
  timetable: Timetable,
  model: DagModel,
  cursorMs: number,
  nowMs: number,
): RunWindow | undefined {
  let window = timetable.next(Math.max(cursorMs, model.startMs - 1));
  if (window === undefined || window.dueMs > nowMs) return undefined;
  if (!model.catchup) {
    // Of the ticks that passed unseen only the newest counts.
    const latest = timetable.latestDue(nowMs);
    if (latest !== undefined && latest.logicalMs > window.logicalMs) window = latest;
  }
  return model.endMs !== undefined && window.logicalMs > model.endMs ? undefined : window;
}

function scheduledActive(draft: Draft, dagId: string): number {
  return draft.activeRuns(dagId).filter((run) => run.kind === 'scheduled').length;
}

function isBackfilled(draft: Draft, dagId: string, logicalMs: number): boolean {
  return draft.runsOf(dagId).some((run) => run.kind === 'backfill' && run.logicalMs === logicalMs);
}

export interface NewRun {
  readonly kind: RunKind;
  readonly window: RunWindow;
  /** Over the DAG's own. */
  readonly params: JsonObject;
  readonly runId?: string;
  readonly backfill?: BackfillPart;
}

export function addRun(draft: Draft, model: DagModel, spec: NewRun): RunRecord {
  const { window } = spec;
  const runId = spec.runId ?? `${spec.kind}__${isoSeconds(window.logicalMs)}`;
  const record: RunRecord = {
    dagId: model.dagId,
    runId,
    kind: spec.kind,
    state: 'queued',
    logicalMs: window.logicalMs,
    intervalStartMs: window.startMs,
    intervalEndMs: window.endMs,
    params: { ...model.params, ...spec.params },
    createdMs: draft.nowMs,
    startedMs: undefined,
    finishedMs: undefined,
    backfill: spec.backfill,
    clears: 0,
    isCancelled: false,
  };
  draft.put({ kind: 'run', record });
  return record;
}

/** 2026-11-21T02:00:00+00:00, as Airflow writes it; fractions only where there are some. */
export function isoSeconds(ms: number): string {
  return new Date(ms).toISOString().replace('.000Z', '+00:00').replace('Z', '+00:00');
}
