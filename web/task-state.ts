export interface TaskSign {
  /** Short text, so that the colour is not the only sign. */
  readonly sign: string;
  readonly label: string;
}

const SIGNS: Readonly<Record<string, TaskSign>> = {
  success: { sign: '✓', label: 'success' },
  failed: { sign: '✕', label: 'failed' },
  running: { sign: '▶', label: 'running' },
  queued: { sign: '…', label: 'queued' },
  scheduled: { sign: '…', label: 'scheduled' },
  up_for_retry: { sign: '↻', label: 'up for retry' },
  up_for_reschedule: { sign: '◷', label: 'waits to look again' },
  skipped: { sign: '»', label: 'skipped' },
  upstream_failed: { sign: '⊘', label: 'upstream failed' },
  none: { sign: '·', label: 'not started' },
};

/** Of a run or a task; a state of a newer service reads as itself. */
export function taskSign(state: string): TaskSign {
  return SIGNS[state] ?? { sign: '?', label: state };
}

/** In the order of the legend. */
export const SHOWN_STATES = [
  'success',
  'running',
  'queued',
  'up_for_retry',
  'up_for_reschedule',
  'failed',
  'upstream_failed',
  'skipped',
  'none',
] as const;
