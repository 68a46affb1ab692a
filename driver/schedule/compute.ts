import type { FileSystem } from '../../client/fs/file-system.ts';
import type { Config } from '../../common/config.ts';
import type { RpcServer } from '../../common/seams/rpc.ts';
import type { Seams } from '../../common/seams/seams.ts';
import type { FileIndex } from '../files/file-index.ts';
import type { SplitPlanner } from '../files/split-planner.ts';
import type { ExecutorSpec } from './job-graph.ts';
import type { JobHistory, JobNotes } from './job-history.ts';
import type { JobRunner } from './job-runner.ts';
import type { QueryRunner } from './query-runner.ts';

/** Everything of the driver that runs things: files, plans, jobs, executors. One per driver. */
export interface Compute {
  readonly queries: QueryRunner;
  readonly jobs: JobRunner;
  readonly history: JobHistory;
  readonly notes: JobNotes;
  /** `files.resolve` is an AnalyzerContext's `resolveFiles`. */
  readonly files: FileIndex;
  /** Which tasks read which parts of files. */
  readonly splits: SplitPlanner;
  executors(): readonly ExecutorSpec[];
  close(): Promise<void>;
}

export interface ComputeOptions {
  readonly config: Config;
  readonly seams: Seams;
  readonly fileSystem: FileSystem;
  /** Gets ExecutorService's handlers; the caller makes it listen (its address is the driver's `grpc` address). */
  readonly server: RpcServer;
}
