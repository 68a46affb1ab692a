import { assert, unreachable } from '../../common/assert.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { RddCombine, RddJoinType, RddMerge, RddSink, RddStep } from '../../common/rdd/rdd-task.ts';
import type { RddAction } from '../../proto/gen/quarry/RddAction.ts';
import type { RddFunction } from '../../proto/gen/quarry/RddFunction.ts';
import type { RddNarrow } from '../../proto/gen/quarry/RddNarrow.ts';
import type { RddNode } from '../../proto/gen/quarry/RddNode.ts';
import type { RddShuffle } from '../../proto/gen/quarry/RddShuffle.ts';
import type { StageSpec } from '../schedule/job-graph.ts';
import { type Pipeline, pipeline } from './pipeline.ts';
import { StageBuilder } from './stage-builder.ts';

export interface PlannedRdd {
  readonly nodes: readonly RddNode[];
  readonly action: RddAction;
  /** The partitions of each source, by the node's index. */
  readonly sources: ReadonlyMap<number, readonly Pipeline[]>;
  /** Partitions of a shuffle, at most, where the plan does not say. */
  readonly shufflePartitions: number;
  /** The directory that a save's tasks write to. */
  readonly temporaryDirectory: string;
}

const STEP_KINDS = {
  MAP: 'map',
  FILTER: 'filter',
  FLAT_MAP: 'flatMap',
  MAP_PARTITIONS: 'mapPartitions',
  KEY_BY: 'keyBy',
  MAP_VALUES: 'mapValues',
  FLAT_MAP_VALUES: 'flatMapValues',
} as const satisfies Record<RddNarrow['kind'], RddStep['kind']>;

/** Cuts an RDD plan into stages: what needs no other partition's records runs together, up to the next shuffle. Errors: INVALID_ARGUMENT. */
export function planStages(plan: PlannedRdd): readonly StageSpec[] {
  return new RddPlanner(plan).plan();
}

class RddPlanner {
  readonly #plan: PlannedRdd;
  readonly #stages = new StageBuilder();
  readonly #planned = new Map<number, readonly Pipeline[]>();

  constructor(plan: PlannedRdd) {
    this.#plan = plan;
  }

  plan(): readonly StageSpec[] {
    const { nodes, action } = this.#plan;
    if (nodes.length === 0) throw malformed('it has no nodes');
    this.#finish(this.#pipelinesOf(nodes.length - 1), action);
    return this.#stages.stages;
  }

  #finish(pipelines: readonly Pipeline[], action: RddAction): void {
    switch (action.kind) {
      case 'COLLECT':
        this.#rows(pipelines, undefined, 'collect');
        return;
      case 'TAKE':
        this.#rows(pipelines, action.limit, `take ${action.limit}`);
        return;
      case 'COUNT':
        this.#stages.add(pipelines, () => ({ kind: 'count' }), { kind: 'result' }, 'count');
        return;
      case 'FOREACH':
        this.#stages.add(
          withStep(pipelines, 'foreach', functionOf(action)),
          () => ({ kind: 'count' }),
          { kind: 'result' },
          'count',
        );
        return;
      case 'REDUCE':
        this.#reduce(pipelines, functionOf(action));
        return;
      case 'SAVE_TEXT':
      case 'SAVE_JSON':
        this.#save(pipelines, action.kind === 'SAVE_JSON' ? 'json' : 'text');
        return;
      default:
        unreachable(action.kind);
    }
  }

  #rows(pipelines: readonly Pipeline[], limit: number | undefined, action: string): void {
    this.#stages.add(pipelines, () => ({ kind: 'rows', limit }), { kind: 'result' }, action);
  }

  /** Each partition to one record, those to one: functions run in executors only, the driver's last step included. */
  #reduce(pipelines: readonly Pipeline[], fn: RddFunction): void {
    const reduced = withStep(pipelines, 'reduce', fn);
    if (reduced.length <= 1) {
      this.#rows(reduced, undefined, 'collect');
      return;
    }
    const gathered = this.#shuffle(
      reduced,
      { by: 'first', partitions: 1, merge: { kind: 'concat' } },
      'gather',
    );
    this.#rows(withStep(gathered, 'reduce', fn), undefined, 'collect');
  }

  #save(pipelines: readonly Pipeline[], format: 'text' | 'json'): void {
    const { temporaryDirectory } = this.#plan;
    const sinkOf = (partition: number): RddSink => ({
      kind: 'file',
      format,
      path: `${temporaryDirectory}/part-${String(partition).padStart(5, '0')}`,
    });
    this.#stages.add(pipelines, sinkOf, { kind: 'file' }, `save ${format}`);
  }

  /** A node that two others read is planned once; its stages then run once. */
  #pipelinesOf(index: number): readonly Pipeline[] {
    let pipelines = this.#planned.get(index);
    if (pipelines === undefined) {
      pipelines = this.#planNode(index);
      this.#planned.set(index, pipelines);
    }
    return pipelines;
  }

  #planNode(index: number): readonly Pipeline[] {
    const node = this.#plan.nodes[index]!;
    const inputs = node.inputs.map((input) => {
      if (input >= index) throw malformed(`node ${index} reads node ${input}, which is not before it`);
      return this.#pipelinesOf(input);
    });
    switch (node.operation) {
      case 'files':
      case 'values': {
        const source = this.#plan.sources.get(index);
        assert(source !== undefined, 'sources are resolved before planning');
        return source;
      }
      case 'narrow': {
        const narrow = node.narrow!;
        return withStep(only(inputs), STEP_KINDS[narrow.kind], functionOf(narrow));
      }
      case 'union':
        return inputs.flat();
      case 'shuffle':
        return node.shuffle!.kind === 'JOIN'
          ? this.#join(inputs, node.shuffle!)
          : this.#wide(only(inputs), node.shuffle!);
      default:
        throw malformed(`node ${index} has an operation that this cluster does not know`);
    }
  }

  #wide(input: readonly Pipeline[], shuffle: RddShuffle): readonly Pipeline[] {
    const partitions = this.#partitions(shuffle, input.length);
    switch (shuffle.kind) {
      case 'REDUCE_BY_KEY': {
        const reduce = { kind: 'reduce', function: functionOf(shuffle) } as const;
        return this.#shuffle(
          input,
          { by: 'pair', partitions, combine: reduce, merge: reduce },
          'reduceByKey',
        );
      }
      case 'GROUP_BY_KEY':
        return this.#shuffle(input, { by: 'pair', partitions, merge: { kind: 'group' } }, 'groupByKey');
      case 'DISTINCT': {
        const distinct = { kind: 'distinct' } as const;
        return this.#shuffle(
          input,
          { by: 'record', partitions, combine: distinct, merge: distinct },
          'distinct',
        );
      }
      case 'SORT_BY': {
        const merge = {
          kind: 'sort',
          function: functionOf(shuffle),
          descending: shuffle.descending,
        } as const;
        return this.#shuffle(input, { by: 'first', partitions: 1, merge }, 'sortBy');
      }
      case 'REPARTITION':
        return this.#shuffle(input, { by: 'turn', partitions, merge: { kind: 'concat' } }, 'repartition');
      default:
        throw malformed('it has a shuffle that this cluster does not know');
    }
  }

  #join(inputs: readonly (readonly Pipeline[])[], shuffle: RddShuffle): readonly Pipeline[] {
    const [leftInput, rightInput] = inputs;
    if (leftInput === undefined || rightInput === undefined) throw malformed('a join reads two nodes');
    const partitions = this.#partitions(shuffle, Math.max(leftInput.length, rightInput.length));
    const sink = { by: 'pair', partitions, combine: undefined } as const;
    const left = this.#stages.addShuffle(leftInput, sink, 'shuffle by key');
    const right = this.#stages.addShuffle(rightInput, sink, 'shuffle by key');
    const type = (shuffle.joinType || 'inner') as RddJoinType;
    return Array.from({ length: partitions }, (_, partition) =>
      pipeline(
        { kind: 'join', left, right, type },
        {
          inputs: [
            { stage: left, partitions: [partition] },
            { stage: right, partitions: [partition] },
          ],
        },
      ),
    );
  }

  #shuffle(
    input: readonly Pipeline[],
    how: {
      readonly by: (RddSink & { readonly kind: 'shuffle' })['by'];
      readonly partitions: number;
      readonly combine?: RddCombine;
      readonly merge: RddMerge;
    },
    action: string,
  ): readonly Pipeline[] {
    const { by, partitions, combine, merge } = how;
    const stage = this.#stages.addShuffle(input, { by, partitions, combine }, action);
    return Array.from({ length: partitions }, (_, partition) =>
      pipeline({ kind: 'shuffle', stage, merge }, { inputs: [{ stage, partitions: [partition] }] }),
    );
  }

  /** Without a number from the plan no more than there are tasks before it: little data needs few. */
  #partitions(shuffle: RddShuffle, inputTasks: number): number {
    if (shuffle.partitions > 0) return shuffle.partitions;
    return Math.max(1, Math.min(this.#plan.shufflePartitions, inputTasks));
  }
}

function withStep(pipelines: readonly Pipeline[], kind: RddStep['kind'], fn: RddFunction): Pipeline[] {
  return pipelines.map((part) => ({ ...part, steps: [...part.steps, { kind, function: fn }] }));
}

function functionOf(of: { readonly function: RddFunction | null }): RddFunction {
  if (of.function === null) throw malformed('a function is missing');
  return of.function;
}

function only(inputs: readonly (readonly Pipeline[])[]): readonly Pipeline[] {
  const [input] = inputs;
  if (input === undefined || inputs.length > 1) throw malformed('an operation reads one node');
  return input;
}

function malformed(why: string): QuarryError {
  return new QuarryError('INVALID_ARGUMENT', `the RDD plan is malformed: ${why}`);
}
