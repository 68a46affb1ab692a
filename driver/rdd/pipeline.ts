import type { RddSource, RddStep } from '../../common/rdd/rdd-task.ts';
import type { TaskInput } from '../schedule/job-graph.ts';

/** One partition of an RDD as it is planned: where its records come from and what they pass, up to the next shuffle. */
export interface Pipeline {
  readonly source: RddSource;
  readonly steps: readonly RddStep[];
  /** Host labels that hold the source's bytes, the best first. */
  readonly preferredNodes: readonly string[];
  readonly scanBytes: number;
  readonly inputs: readonly TaskInput[];
}

export function pipeline(source: RddSource, rest: Partial<Omit<Pipeline, 'source'>> = {}): Pipeline {
  return { steps: [], preferredNodes: [], scanBytes: 0, inputs: [], ...rest, source };
}
