import { Cron } from 'croner';
import { QuarryError } from '../../common/quarry-error.ts';
import type { CronSchedule } from './dag-model.ts';

/** The time that one run is about. */
export interface RunWindow {
  /** What names the run: `ds` is its UTC date. */
  readonly logicalMs: number;
  readonly startMs: number;
  readonly endMs: number;
  /** When the run may start. */
  readonly dueMs: number;
}

const DAY_MS = 86_400_000;

/**
 * The ticks of a cron expression in an IANA zone. A local time that a change to summer time skips ticks at the first moment after
 * the gap; one that occurs twice ticks at its first occurrence only (expressions with a wildcard hour tick in both hours).
 */
export class Timetable {
  readonly #cron: Cron;
  readonly #semantics: CronSchedule['semantics'];

  /** Errors: DAG_INVALID for an expression or a zone that do not exist, or that never tick. */
  constructor(schedule: CronSchedule) {
    const { expression, timezone } = schedule;
    if (!isTimeZone(timezone)) {
      throw new QuarryError(
        'DAG_INVALID',
        `there is no time zone ${JSON.stringify(timezone)}: write an IANA name such as Asia/Seoul or UTC`,
      );
    }
    try {
      this.#cron = new Cron(expression, { timezone, paused: true, mode: '5-or-6-parts' });
    } catch (cause) {
      throw new QuarryError(
        'DAG_INVALID',
        `${JSON.stringify(expression)} is no cron expression: ${(cause as Error).message}`,
        { cause },
      );
    }
    if (this.#cron.nextRun(new Date(0)) === null) {
      throw new QuarryError('DAG_INVALID', `the cron expression ${JSON.stringify(expression)} never comes`);
    }
    this.#semantics = schedule.semantics;
  }

  /** The first window with a logical date after `afterMs`. */
  next(afterMs: number): RunWindow | undefined {
    const tickMs = this.#tickAfter(afterMs);
    return tickMs === undefined ? undefined : this.#windowAt(tickMs);
  }

  /** The last window with a logical date before `beforeMs`. */
  previous(beforeMs: number): RunWindow | undefined {
    const tickMs = this.#tickBefore(beforeMs);
    return tickMs === undefined ? undefined : this.#windowAt(tickMs);
  }

  /** The newest window that is due at `nowMs`. */
  latestDue(nowMs: number): RunWindow | undefined {
    const tickMs = this.#tickBefore(nowMs + 1);
    if (tickMs === undefined) return undefined;
    return this.#semantics === 'trigger' ? this.#windowAt(tickMs) : this.previous(tickMs);
  }

  /** Windows with `fromMs` <= logical date < `untilMs`. */
  between(fromMs: number, untilMs: number): RunWindow[] {
    const windows: RunWindow[] = [];
    let window = this.next(fromMs - 1);
    while (window !== undefined && window.logicalMs < untilMs) {
      windows.push(window);
      window = this.next(window.logicalMs);
    }
    return windows;
  }

  #windowAt(tickMs: number): RunWindow | undefined {
    if (this.#semantics === 'trigger')
      return { logicalMs: tickMs, startMs: tickMs, endMs: tickMs, dueMs: tickMs };
    const endMs = this.#tickAfter(tickMs);
    return endMs === undefined ? undefined : { logicalMs: tickMs, startMs: tickMs, endMs, dueMs: endMs };
  }

  #tickAfter(ms: number): number | undefined {
    return this.#cron.nextRun(new Date(ms))?.getTime();
  }

  #tickBefore(ms: number): number | undefined {
    return this.#cron.previousRuns(1, new Date(ms))[0]?.getTime();
  }
}

/** A run of one UTC day, for a date that no schedule names. */
export function dayWindow(dayMs: number): RunWindow {
  const startMs = Math.floor(dayMs / DAY_MS) * DAY_MS;
  const endMs = startMs + DAY_MS;
  return { logicalMs: startMs, startMs, endMs, dueMs: endMs };
}

export function isTimeZone(name: string): boolean {
  if (name === '') return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    // The one way that the platform has to say no.
    return false;
  }
}

/** Building one costs far more than asking it, and a step asks for every DAG. */
const timetables = new WeakMap<CronSchedule, Timetable>();

export function timetableOf(schedule: CronSchedule): Timetable {
  const known = timetables.get(schedule);
  if (known !== undefined) return known;
  const made = new Timetable(schedule);
  timetables.set(schedule, made);
  return made;
}
