import type { FileSystem } from '../../client/fs/file-system.ts';
import type { Config } from '../../common/config.ts';
import type { Logger } from '../../common/log.ts';
import type { MapOutputInput } from '../../proto/gen/quarry/MapOutput.ts';
import type { RunTaskRequest } from '../../proto/gen/quarry/RunTaskRequest.ts';
import type { ShuffleStore } from '../shuffle/shuffle-store.ts';

/** What every runner of an executor shares. */
export interface ExecutorEnvironment {
  /** The host label of the datanode beside this executor. */
  readonly node: string;
  readonly executorId: string;
  readonly config: Config;
  readonly fileSystem: FileSystem;
  readonly shuffle: ShuffleStore;
  /** A private directory for temporary files, emptied at start. */
  readonly temporaryDirectory: string;
  /** A directory in memory where the host has room there: for bytes on their way into the kernel. */
  readonly memoryDirectory: string;
  readonly log: Logger;
}

/** One attempt as its runner sees it. */
export interface TaskContext {
  readonly request: RunTaskRequest;
  /** Aborts when the attempt is no longer wanted; the runner then ends soon, its outcome is not looked at. */
  readonly signal: AbortSignal;
  /** Counters that the driver sees in the job's record. The runner adds to them as it goes. */
  readonly metrics: TaskCounters;
  /** Sends one batch to the caller of the job; resolves when there is room for the next. */
  emit(data: Buffer, rowCount: number): Promise<void>;
}

/** Bytes and rows so far; each as in the proto's TaskMetrics. */
export interface TaskCounters {
  localBytes: number;
  remoteBytes: number;
  cachedBytes: number;
  shuffleReadBytes: number;
  shuffleWriteBytes: number;
  rowsRead: number;
  rowsWritten: number;
  readonly readNodes: Set<string>;
}

export function newCounters(): TaskCounters {
  return {
    localBytes: 0,
    remoteBytes: 0,
    cachedBytes: 0,
    shuffleReadBytes: 0,
    shuffleWriteBytes: 0,
    rowsRead: 0,
    rowsWritten: 0,
    readNodes: new Set(),
  };
}

export interface TaskOutcome {
  /** Set when the task wrote a shuffle output. */
  readonly mapOutput?: MapOutputInput;
  /** JSON-able: what the job's outcome says about this task. */
  readonly result?: unknown;
}

/** Runs tasks of one kind. Expected failures are thrown as QuarryError; anything else becomes INTERNAL. */
export interface TaskRunner {
  run(context: TaskContext): Promise<TaskOutcome>;
  close(): Promise<void>;
}
