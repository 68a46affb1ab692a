import type { WireError } from '../../common/quarry-error.ts';

/**
 * What `quarry jobs` and the jobs API show. JSON of one job:
 * {
 *   "jobId": "job-1", "name": "SELECT ...", "sessionId": "...", "operationId": "...",
 *   "state": "running" | "succeeded" | "failed" | "cancelled", "submittedMs": 0, "finishedMs": 0 (absent while it runs),
 *   "error": { "code", "message", "details" } (when failed),
 *   "locality": { "localTasks": 5, "remoteTasks": 1, "localBytes": 0, "remoteBytes": 0 },
 *   "stages": [{ "stage": 0, "label": "scan ...", "parents": [], "state": "waiting" | "running" | "done",
 *     "tasks": [{ "partition": 0, "attempt": 0, "executor": "ex1", "node": "dn1", "state": "running" | "succeeded" | "failed" | "cancelled",
 *       "startedMs": 0, "finishedMs": 0, "local": true (scan tasks only), "localBytes", "remoteBytes", "rowsRead", "rowsWritten",
 *       "shuffleReadBytes", "shuffleWriteBytes", "error": "CODE: message" }] }],
 *   "events": [{ "atMs": 0, "event": "job.submitted" | "stage.started" | "stage.finished" | "task.started" | "task.finished" |
 *     "task.failed" | "executor.lost" | "shuffle.lost" | "job.finished", "stage"?, "partition"?, "attempt"?, "executor"?, "text"? }]
 * }
 * `tasks` has one entry an attempt. A scan task is local when its executor's own node served every byte it read.
 */
export interface JobRecord {
  readonly jobId: string;
  readonly name: string;
  readonly sessionId: string;
  readonly operationId: string;
  state: 'running' | 'succeeded' | 'failed' | 'cancelled';
  readonly submittedMs: number;
  finishedMs?: number;
  error?: WireError;
  readonly locality: { localTasks: number; remoteTasks: number; localBytes: number; remoteBytes: number };
  readonly stages: StageRecord[];
  readonly events: JobEvent[];
}

export interface StageRecord {
  readonly stage: number;
  readonly label: string;
  readonly parents: readonly number[];
  readonly taskCount: number;
  state: 'waiting' | 'running' | 'done';
  readonly tasks: TaskRecord[];
}

export interface TaskRecord {
  readonly partition: number;
  readonly attempt: number;
  readonly executor: string;
  readonly node: string;
  state: 'running' | 'succeeded' | 'failed' | 'cancelled';
  readonly startedMs: number;
  finishedMs?: number;
  local?: boolean;
  localBytes: number;
  remoteBytes: number;
  rowsRead: number;
  rowsWritten: number;
  shuffleReadBytes: number;
  shuffleWriteBytes: number;
  error?: string;
}

export interface JobEvent {
  readonly atMs: number;
  readonly event:
    | 'job.submitted'
    | 'stage.started'
    | 'stage.finished'
    | 'task.started'
    | 'task.finished'
    | 'task.failed'
    | 'executor.lost'
    | 'shuffle.lost'
    | 'job.finished';
  readonly stage?: number;
  readonly partition?: number;
  readonly attempt?: number;
  readonly executor?: string;
  readonly text?: string;
}

/** Something that people look for among the jobs although no task of it ran. */
export interface JobNote {
  readonly name: string;
  readonly sessionId: string;
  readonly operationId: string;
  readonly text: string;
}

export interface JobNotes {
  /** Writes down a job without stages, finished well; its one event says `text`. */
  note(note: JobNote, atMs: number): void;
}

/** The last 200 jobs, the newest first; running ones are kept whatever their age. */
export interface JobHistory {
  list(): readonly JobRecord[];
  get(jobId: string): JobRecord | undefined;
}
