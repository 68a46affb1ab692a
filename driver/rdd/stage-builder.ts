import type { RddSink, RddTask } from '../../common/rdd/rdd-task.ts';
import type { StageOutput, StageSpec, TaskSpec } from '../schedule/job-graph.ts';
import { type Pipeline, pipeline } from './pipeline.ts';

/** What a pipeline starts with, for people. */
const SOURCE_LABELS = {
  lines: 'read lines',
  values: 'values',
  sql: 'read parquet',
  shuffle: 'shuffle',
  join: 'join',
} as const;

/** Collects the stages of a job while it is planned, parents first. */
export class StageBuilder {
  readonly stages: StageSpec[] = [];

  /** A stage whose tasks are these pipelines; answers its id. `sinkOf` may tell the partitions apart. */
  add(
    pipelines: readonly Pipeline[],
    sinkOf: (partition: number) => RddSink,
    output: StageOutput,
    action: string,
  ): number {
    const id = this.stages.length;
    // A stage without tasks would have nothing to say that it has ended.
    const parts = pipelines.length === 0 ? [pipeline({ kind: 'values', values: [] })] : pipelines;
    const tasks = parts.map((part, partition) => taskOf(part, partition, sinkOf(partition)));
    const parents = new Set(parts.flatMap(({ inputs }) => inputs.map(({ stage }) => stage)));
    this.stages.push({
      id,
      parents: [...parents].toSorted((left, right) => left - right),
      label: labelOf(parts, action),
      tasks,
      output,
    });
    return id;
  }

  /** A stage that ends in a shuffle; answers its id. */
  addShuffle(
    pipelines: readonly Pipeline[],
    sink: Omit<RddSink & { readonly kind: 'shuffle' }, 'kind'>,
    action: string,
  ): number {
    const { partitions } = sink;
    return this.add(pipelines, () => ({ kind: 'shuffle', ...sink }), { kind: 'shuffle', partitions }, action);
  }
}

function taskOf(part: Pipeline, partition: number, sink: RddSink): TaskSpec {
  const task: RddTask = { source: part.source, steps: part.steps, sink };
  return {
    partition,
    preferredNodes: part.preferredNodes,
    work: { kind: 'rdd', rdd: JSON.stringify(task) },
    inputs: part.inputs,
    scanBytes: part.scanBytes,
  };
}

function labelOf(parts: readonly Pipeline[], action: string): string {
  const [first] = parts;
  if (first === undefined) return action;
  return [SOURCE_LABELS[first.source.kind], ...first.steps.map(({ kind }) => kind), action].join(', ');
}
