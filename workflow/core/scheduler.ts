import { advance } from './advance.ts';
import { type Change, holdsSlot, type ProcessIdentity } from './records.ts';
import { handleRequest, type RequestAnswer, type SchedulerRequest } from './requests.ts';
import { Draft, type Effect, type SchedulerState } from './scheduler-state.ts';
import { endAttempt, type Outcome } from './task-transitions.ts';

/** Names one attempt of one task for ever: nothing that an older attempt reports changes anything. */
export interface AttemptToken {
  readonly dagId: string;
  readonly runId: string;
  readonly taskId: string;
  readonly attempt: number;
}

export type SchedulerEvent =
  /** Time has passed, or the DAGs have changed. */
  | { readonly kind: 'tick' }
  | { readonly kind: 'started'; readonly token: AttemptToken; readonly process: ProcessIdentity }
  | { readonly kind: 'finished'; readonly token: AttemptToken; readonly outcome: Outcome }
  | {
      readonly kind: 'called-back';
      readonly callbackId: string;
      readonly attempt: number;
      readonly isDone: boolean;
    }
  | { readonly kind: 'request'; readonly request: SchedulerRequest };

export interface Step {
  /** To be written in one atomic batch, then applied. */
  readonly changes: readonly Change[];
  /** To be done after that, in order. */
  readonly effects: readonly Effect[];
  readonly answer: RequestAnswer | undefined;
}

const CALLBACK_ATTEMPTS_MAX = 3;

/** One step of the scheduler: a function of the state, an event and the time. `state` is not touched. Errors: those of a request. */
export function step(state: SchedulerState, event: SchedulerEvent, nowMs: number): Step {
  const draft = new Draft(state, nowMs);
  const answer = handle(draft, event);
  advance(draft);
  return { changes: draft.changes, effects: draft.effects, answer };
}

function handle(draft: Draft, event: SchedulerEvent): RequestAnswer | undefined {
  switch (event.kind) {
    case 'tick':
      return undefined;
    case 'request':
      return handleRequest(draft, event.request);
    case 'started': {
      const task = attemptOf(draft, event.token);
      if (task?.state === 'queued')
        draft.updateTask(task, { state: 'running', process: event.process, startedMs: draft.nowMs });
      return undefined;
    }
    case 'finished': {
      const task = attemptOf(draft, event.token);
      if (task === undefined) return undefined;
      const spec = draft.model(task.dagId)?.tasks.find((candidate) => candidate.taskId === task.taskId);
      endAttempt(draft, spec, task, event.outcome);
      return undefined;
    }
    case 'called-back': {
      const callback = draft.callback(event.callbackId);
      if (callback === undefined || callback.attempt !== event.attempt) return undefined;
      if (event.isDone || callback.attempt >= CALLBACK_ATTEMPTS_MAX)
        draft.delete('callback', callback.callbackId);
      else {
        const again = { ...callback, attempt: callback.attempt + 1 };
        draft.put({ kind: 'callback', record: again });
        draft.effects.push({ kind: 'call-back', callback: again });
      }
      return undefined;
    }
  }
}

/** The task while that attempt is its present one. */
function attemptOf(draft: Draft, token: AttemptToken) {
  const task = draft.task(token.dagId, token.runId, token.taskId);
  return task.attempt === token.attempt && holdsSlot(task) ? task : undefined;
}
