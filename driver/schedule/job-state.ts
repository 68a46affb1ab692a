import { assert } from '../../common/assert.ts';
import type { MapOutput } from '../../proto/gen/quarry/MapOutput.ts';
import type { SegmentInput } from '../../proto/gen/quarry/Segment.ts';
import type { ShuffleInputInput } from '../../proto/gen/quarry/ShuffleInput.ts';
import type { JobSpec, StageSpec, TaskSpec } from './job-graph.ts';

export interface Attempt {
  readonly attempt: number;
  readonly executorId: string;
  readonly startedMs: number;
}

/** A task is waiting (its parents are not done), pending (may run), running (has attempts) or done. */
export class TaskState {
  readonly spec: TaskSpec;
  readonly running: Attempt[] = [];
  /** Executors that an attempt failed on: others are tried first. */
  readonly blamed = new Set<string>();
  attemptsStarted = 0;
  failures = 0;
  done = false;
  durationMs = 0;
  pendingSinceMs: number | undefined;
  output: MapOutput | undefined;
  result: unknown;

  constructor(spec: TaskSpec) {
    this.spec = spec;
  }

  get isPending(): boolean {
    return !this.done && this.running.length === 0;
  }
}

export class StageState {
  readonly spec: StageSpec;
  readonly tasks: readonly TaskState[];
  started = false;
  finished = false;

  constructor(spec: StageSpec) {
    this.spec = spec;
    this.tasks = spec.tasks.map((task) => new TaskState(task));
  }

  get isDone(): boolean {
    return this.tasks.every((task) => task.done);
  }

  /** Half of the tasks' durations are not longer. */
  get medianMs(): number | undefined {
    const durations = this.tasks.filter((task) => task.done).map((task) => task.durationMs);
    if (durations.length * 2 < this.tasks.length) return undefined;
    return durations.toSorted((a, b) => a - b)[Math.floor(durations.length / 2)];
  }
}

export class JobState {
  readonly spec: JobSpec;
  readonly stages: readonly StageState[];
  readonly submittedMs: number;
  /** Executors that ran a task: they may hold files of the job. */
  readonly touched = new Set<string>();

  constructor(spec: JobSpec, submittedMs: number) {
    this.spec = spec;
    this.submittedMs = submittedMs;
    this.stages = spec.stages.map((stage) => new StageState(stage));
    spec.stages.forEach((stage, index) => {
      assert(stage.id === index, `stage ${stage.id} is at place ${index}`);
      assert(
        stage.parents.every((parent) => parent < index),
        `stage ${stage.id} comes before a parent`,
      );
      assert(stage.tasks.length > 0, `stage ${stage.id} has no task`);
    });
  }

  get resultStage(): StageState {
    return this.stages.at(-1)!;
  }

  get runningCount(): number {
    return this.stages.reduce(
      (sum, stage) => sum + stage.tasks.reduce((tasks, task) => tasks + task.running.length, 0),
      0,
    );
  }

  task(stage: number, partition: number): TaskState | undefined {
    return this.stages[stage]?.tasks[partition];
  }

  isReady(stage: StageState): boolean {
    return stage.spec.parents.every((parent) => this.stages[parent]!.isDone);
  }

  /** Whether anything that is still to be computed reads this stage, directly or through a stage that may have to be recomputed. */
  isNeeded(stage: StageState): boolean {
    return this.stages.some(
      (child) => child.spec.parents.includes(stage.spec.id) && (!child.isDone || this.isNeeded(child)),
    );
  }

  /** Where a task finds what its parents wrote. */
  shufflesOf(task: TaskSpec): ShuffleInputInput[] {
    return task.inputs.map(({ stage, partitions }) => ({
      stage,
      partitions: [...partitions],
      outputs: this.stages[stage]!.tasks.map(({ output }) => {
        assert(output !== undefined, `stage ${stage} is done, so each of its tasks has an output`);
        return partitions.length === 0 ? output : { ...output, segments: only(output, partitions) };
      }),
    }));
  }
}

const NOTHING: SegmentInput = {};

/** The places of other partitions say nothing: with many tasks on both sides they would be most of every request. */
function only(output: MapOutput, partitions: readonly number[]): SegmentInput[] {
  const segments: SegmentInput[] = output.segments.map(() => NOTHING);
  for (const partition of partitions) segments[partition] = output.segments[partition] ?? NOTHING;
  return segments;
}
