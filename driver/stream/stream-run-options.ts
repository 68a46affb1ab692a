import type { Logger } from '../../common/log.ts';
import type { Clock } from '../../common/seams/clock.ts';
import type { BatchRunner } from './batch-runner.ts';
import type { Checkpoint } from './checkpoint/checkpoint.ts';
import type { CompiledQuery } from './compile-query.ts';
import type { StreamSink } from './sinks/stream-sink.ts';
import type { StreamSource } from './sources/stream-source.ts';
import type { StreamSpec } from './streaming-query.ts';

/** Where a run is in its life, told to tests that end it between two steps. */
export type RunStep = 'planned' | 'offsets-written' | 'job-done' | 'sink-done' | 'committed';

export interface StreamRunOptions {
  readonly runId: string;
  readonly spec: StreamSpec;
  readonly sessionId: string;
  readonly query: CompiledQuery;
  readonly sources: readonly StreamSource[];
  readonly sink: StreamSink;
  readonly checkpoint: Checkpoint;
  readonly runner: BatchRunner;
  readonly clock: Clock;
  readonly log: Logger;
  /** Partitions without anything new for that long are not waited for; 0: they always are. */
  readonly idlePartitionMs: number;
  /** How long there is nothing to do before listeners hear of it. */
  readonly idleEventMs: number;
  readonly explain: (extended: boolean) => string;
  /** Takes away what the run leaves that nobody can go on from. */
  readonly dispose?: (failed: boolean) => Promise<void>;
  readonly onStep?: (step: RunStep, batchId: number) => Promise<void> | void;
}
