import type { Expression } from './expression.ts';
import type { LogicalPlan } from './logical-plan.ts';
import { inputsOf } from './plan-tree.ts';

export type Watermark = Extract<LogicalPlan, { kind: 'watermark' }>;

/**
 * What a column says about event time. `time` is the watermarked column (or the last instant of a window), `window` the struct
 * {start, end} that `window(...)` made of it, the other two its fields. A group of such a key closes when the watermark
 * reaches: time and window-end, the value; window, its `end`; window-start, the value plus `durationUs`.
 */
export interface EventTime {
  readonly of: 'time' | 'window' | 'window-start' | 'window-end';
  /** Which watermark decides. */
  readonly watermark: Watermark;
  /** Length of the window; 0 for `time`. */
  readonly durationUs: number;
}

/** Keys of functions/time-windows.ts: `$window(time, duration, start)` and `$generate($windows(time, duration, slide, start))`, lengths in microseconds. */
const TUMBLING = '$window';
const SLIDING = '$windows';
const WINDOW_TIME = '$window_time';

/** The plan's output columns (by attribute id) that carry event time. */
export function eventTimes(plan: LogicalPlan): ReadonlyMap<number, EventTime> {
  const below = new Map<number, EventTime>();
  for (const input of inputsOf(plan)) for (const [id, time] of eventTimes(input)) below.set(id, time);
  switch (plan.kind) {
    case 'watermark':
      return below.set(plan.columnId, { of: 'time', watermark: plan, durationUs: 0 });
    case 'project':
    case 'aggregate': {
      const made = new Map<number, EventTime>();
      for (const { attribute, value } of plan.columns) {
        const time = eventTimeOf(value, below);
        if (time !== undefined) made.set(attribute.id, time);
      }
      return made;
    }
    case 'set-operation': {
      // A union's columns take the place of its inputs' by position.
      const first = plan.inputs[0];
      for (const [index, attribute] of plan.output.entries()) {
        const time = below.get(first?.output[index]?.id ?? -1);
        if (time !== undefined) below.set(attribute.id, time);
      }
      return below;
    }
    default:
      return below;
  }
}

/** What an expression over columns with these event times says itself. */
export function eventTimeOf(
  expression: Expression,
  known: ReadonlyMap<number, EventTime>,
): EventTime | undefined {
  if (expression.kind === 'column') return known.get(expression.id);
  if (expression.kind !== 'call') return undefined;
  const [first, second] = expression.args;
  if (first === undefined) return undefined;
  switch (expression.name) {
    case '$same':
    case '$generate':
      return eventTimeOf(first, known);
    case TUMBLING:
    case SLIDING: {
      const time = eventTimeOf(first, known);
      if (time?.of !== 'time' || second?.kind !== 'literal') return undefined;
      return { of: 'window', watermark: time.watermark, durationUs: Number(second.value) };
    }
    case WINDOW_TIME: {
      const window = eventTimeOf(first, known);
      return window?.of === 'window' ? { ...window, of: 'time', durationUs: 0 } : undefined;
    }
    case '$field': {
      const window = eventTimeOf(first, known);
      const name = second?.kind === 'literal' ? second.value : undefined;
      if (window?.of !== 'window' || (name !== 'start' && name !== 'end')) return undefined;
      return { ...window, of: name === 'start' ? 'window-start' : 'window-end' };
    }
    default:
      return undefined;
  }
}

/** True where the plan reads a source that grows: only `writeStream` can run it. */
export function isStreaming(plan: LogicalPlan): boolean {
  return plan.kind === 'stream-source' || inputsOf(plan).some(isStreaming);
}
